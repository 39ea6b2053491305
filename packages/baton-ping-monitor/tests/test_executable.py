"""What the command takes, and how it ends."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from baton_ping_monitor.executable import main

if TYPE_CHECKING:
    from conftest import Start

pytestmark = pytest.mark.measured

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize("options", [["--plain"], ["--table"], []])
def test_a_wrong_configuration(options: list[str], tmp_path: Path) -> None:
    file = tmp_path / "monitor.cfg"
    file.write_text("PREFETCH: none\n")
    result = CliRunner().invoke(main, [*options, "-c", str(file)])
    assert result.exit_code == 2
    assert re.search(r"baton-ping-monitor: .*PREFETCH", result.output)


@pytest.mark.parametrize("text", ["help", "readme"])
def test_every_option_is_explained(text: str) -> None:
    shown = CliRunner().invoke(main, ["-h"]).output if text == "help" else README.read_text()
    for parameter in main.params:
        for option in parameter.opts:
            assert option in shown


def test_the_help_imports_nothing_heavy() -> None:
    """What takes a tenth of a second and more is imported by what needs it."""
    heavy = "apprise", "sqlalchemy", "starlette", "uvicorn", "rich", "pydantic", "aio_pika", "yaml"
    script = (
        "import sys\nfrom baton_ping_monitor.executable import main\n"
        "main(['--help'], standalone_mode=False)\n"
        f"print(sorted(set({heavy}) & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.fixture
def refused() -> Iterator[Callable[..., str]]:
    """Runs the command in this process, with options that are wrong; what it says to them."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*options: str, code: int = 2, **variables: str) -> str:
        theirs: dict[str, str | None] = {
            name: None for name in os.environ if name.startswith("BATON_")
        }
        result = CliRunner(env={**theirs, **variables}).invoke(main, options)
        assert result.exit_code == code, result.output
        return result.output

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """A dashboard of nobody, on any port."""
    return {
        "BATON_RABBIT_URL": "memory://x",
        "BATON_DATABASE": f"sqlite:///{tmp_path}/monitor.db",
        "BATON_DASHBOARD_PORT": "0",
        "BATON_PID_FILE": str(tmp_path / "x.pid"),
    }


def test_the_dashboard_prints_its_address(start: Start, settings: dict[str, str]) -> None:
    monitor = start("--prefix", "/baton", **settings)
    url = monitor.expect(r"Dashboard: (http://127\.0\.0\.1:\d+/baton/)\n")[1]
    with urllib.request.urlopen(url, timeout=10) as page:
        assert page.status == 200
    monitor.signal(signal.SIGTERM)
    assert monitor.end() == 0
    assert "Traceback" not in monitor.output


def test_the_dashboard_runs_in_the_background(
    start: Start, settings: dict[str, str], tmp_path: Path
) -> None:
    settings["BATON_LOG_FILE"] = str(tmp_path / "x.log")
    started = start("-d", **settings)
    assert started.end() == 0, started.output
    status = start("--status", "--json", **settings)
    assert status.end() in (0, 1)  # it may still be connecting
    assert json.loads(status.output[status.output.index("{") :])["running"] is True
    stop = start("--stop", **settings)
    assert stop.end() == 0
    assert "The dashboard is at http://127.0.0.1:" in (tmp_path / "x.log").read_text()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "0.0.0.0"], "--users-file (DASHBOARD_USERS_FILE), or keep to this machine"),
        (["--users-file", "/nowhere"], "The users file /nowhere: No such file or directory"),
        (["--inventory", "/nowhere"], "The inventory /nowhere cannot be read: No such file"),
        (["--alert", "frob://hunter2"], "number 1 of 1 (frob://…) is no URL that Apprise takes"),
        (["--database", "mysql://x:hunter2@h/d"], "mysql"),
        (["--target", "production"], "but PING_EVERY (--ping-every) is not set"),
    ],
)
def test_what_cannot_be_is_told_before_anything_starts(
    options: list[str], says: str, refused: Callable[..., str], settings: dict[str, str]
) -> None:
    output = refused(*options, **settings)
    (line,) = (each for each in output.splitlines() if "baton-ping-monitor: " in each)
    assert says in line
    assert "Traceback" not in output
    assert "hunter2" not in output
    assert "is ready" not in output
    assert "Dashboard: " not in output


def test_a_port_that_is_taken(refused: Callable[..., str], settings: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        output = refused("--port", str(port), **settings)
    assert f"cannot answer on port {port} of 127.0.0.1: Address already in use" in output


def test_a_demo_for_others_needs_a_login(refused: Callable[..., str]) -> None:
    output = refused("--demo", "--host", "0.0.0.0")
    assert "Say who may log in with --users-file" in output


def test_plain_logs_every_output(start: Start) -> None:
    monitor = start(scene="plain")
    monitor.expect(
        r" INFO +\{'type': 'pong', 'environment': 'production', 'fqdn': 'web01.example.org', "
        r"'app_names': \['shop'\]\}\n"
    )
    monitor.expect(r" ERROR +\{'type': 'error', .*'error_class': 'UnknownMessageType', ")
    monitor.signal(signal.SIGINT)
    assert monitor.end() == 0


def test_plain_logs_to_the_log_file(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "monitor.log"
    os.mkfifo(log)
    monitor = start(scene="plain", BATON_LOG_FILE=str(log))
    with log.open() as lines:
        assert any("'type': 'pong'" in line for line in lines)
        assert any("'type': 'error'" in line for line in lines)
        monitor.signal(signal.SIGTERM)
        assert monitor.end() == 0
    assert "pong" not in monitor.output


def test_plain_logs_in_json(start: Start) -> None:
    monitor = start("--log-format", "json", scene="plain")
    monitor.expect(r'"level": "info", .*"output": \{"type": "pong", "environment": "production", ')
    monitor.expect(r'"output": \{"type": "error", .*\n')
    monitor.signal(signal.SIGINT)
    assert monitor.end() == 0
    entries = [json.loads(line) for line in monitor.output.splitlines()]
    assert {"pong", "error"} <= {entry.get("output", {}).get("type") for entry in entries}


def test_plain_runs_once(start: Start, tmp_path: Path) -> None:
    settings = {"BATON_PID_FILE": str(tmp_path / "x.pid"), "BATON_RABBIT_URL": "memory://x"}
    first = start("--plain", **settings)
    first.expect("The monitor of baton-ping is ready since ")
    second = start("--plain", **settings)
    assert second.end() == 1
    assert "baton-ping-monitor: It runs already, as process " in second.output
    stop = start("--stop", **settings)
    assert stop.end() == 0
    assert first.end() == 0


def test_what_is_asked_of_one_that_does_not_run(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    output = refused("--status", code=1, BATON_PID_FILE=str(tmp_path / "x.pid"))
    assert "baton-ping-monitor does not run" in output


@pytest.mark.parametrize("terminal", [True, False])
def test_the_table_of_a_fleet(start: Start, terminal: bool) -> None:
    monitor = start(scene="table", terminal=terminal)
    monitor.expect(r"The servers that answer baton-ping over scene")
    monitor.expect("Connected")
    monitor.expect(r"web01\.example\.org.* up" if terminal else r"up +web01\.example\.org")
    monitor.expect(r"\d ms")
    monitor.signal(signal.SIGTERM)
    assert monitor.end() == 0
    assert "Traceback" not in monitor.output


def test_another_is_the_same_instance(start: Start) -> None:
    monitor = start(scene="taken")
    assert monitor.end() == 1
    assert 'baton-ping-monitor: Another process is the monitor instance "here"' in monitor.output
    assert "choose another name with --instance" in monitor.output
    assert "Traceback" not in monitor.output


def test_a_broker_that_is_away_is_waited_for(start: Start) -> None:
    monitor = start("--table", "--url", "amqp://127.0.0.1:1")
    monitor.expect(r"Disconnected since .* 127\.0\.0\.1:1 ")
    monitor.expect("This monitor only listens")
    monitor.signal(signal.SIGINT)
    assert monitor.end() == 0
