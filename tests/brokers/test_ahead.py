"""A preparation runs beside the tests that need no broker, and ends with them."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.ahead import preparing

TESTS = Path(__file__).parents[1]
FIRST = """
import os

def test_first():
    with open(os.environ["GO_ON"]):  # until somebody opens it for writing
        pass
    assert False
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What is taken for a Docker engine, and whoever asks it waits for its answer."""
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    monkeypatch.delenv("BATON_TEST_AMQP_URL", raising=False)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(30)
        listener.bind(str(path))
        listener.listen()
        yield listener


def test_its_end_gives_up_what_is_not_done(engine: socket.socket) -> None:
    with preparing() as process:
        connection = _asked(engine)
        assert process.poll() is None
    with connection:
        assert process.returncode == 0
        _is_closed(connection)


MODULE = """
import os
import sys

with open(os.environ["BEGAN"], "w") as told:
    told.write("it did")
sys.stdin.read()
"""


def test_any_module_can_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prepares_something.py").write_text(MODULE)
    began = tmp_path / "began"
    os.mkfifo(began)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("BEGAN", str(began))
    with preparing("prepares_something") as process:
        assert began.read_text() == "it did"
        assert process.poll() is None
    assert process.returncode == -signal.SIGTERM


def test_what_does_not_work_is_left_to_the_broker_to_say(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with preparing() as process:
        process.wait(30)
    assert process.returncode == 0
    assert capfd.readouterr().err == ""


def test_it_begins_with_the_first_test_and_ends_with_a_run_that_fails(
    engine: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = tmp_path / "go-on"
    os.mkfifo(go_on)
    monkeypatch.setenv("GO_ON", str(go_on))
    (tmp_path / "test_first.py").write_text(FIRST)
    # The one that needs a broker comes first on the command line, and runs last.
    with _pytest("-x", "integration/test_stop.py", str(tmp_path / "test_first.py")) as run:
        connection = _asked(engine)
        go_on.write_text("")
        assert run.stdout is not None
        said = run.stdout.read()
    with connection:
        assert run.returncode == 1, said
        assert "1 failed" in said
        _is_closed(connection)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "not integration", "brokers/test_apt.py", "integration/test_stop.py"],
        ["--collect-only", "brokers/test_apt.py", "integration/test_stop.py"],
    ],
)
def test_where_no_broker_is_needed_nothing_is_prepared(
    arguments: list[str], engine: socket.socket
) -> None:
    with _pytest(*arguments) as run:
        assert run.stdout is not None
        said = run.stdout.read()
    assert run.returncode == 0, said
    engine.setblocking(False)
    with pytest.raises(BlockingIOError):
        engine.accept()


def _asked(engine: socket.socket) -> socket.socket:
    """The connection on which the preparation asks the engine something."""
    engine.accept()[0].close()  # it looks first whether anybody listens
    connection, _ = engine.accept()
    connection.settimeout(30)
    return connection


def _is_closed(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def _pytest(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=TESTS,
        # Nothing of the packages runs there; to measure its coverage would slow it down.
        env={k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
