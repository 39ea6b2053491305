"""PID files: held by a lock."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from baton import pid_file
from baton.errors import AlreadyRunning, ConfigurationError
from baton.pid_file import (
    find_holder,
    hold_pid_file,
    is_pid_file,
    socket_beside,
    terminate_holder,
)

HOLDER = """
import os, signal, sys
from pathlib import Path
from baton.pid_file import hold_pid_file
if sys.argv[2:] == ["stubborn"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with hold_pid_file(Path(sys.argv[1])) as held:
    if sys.argv[2:] == ["handing over"]:
        reading, writing = os.pipe()
        if not os.fork():
            signal.alarm(30)
            os.close(writing)
            os.read(reading, 1)  # until the first one has ended
            held.write()
            signal.pause()
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.pid"


@contextmanager
def holder(path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds *path*."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_file_has_the_number_and_is_removed(path: Path) -> None:
    with hold_pid_file(path) as held:
        assert path.read_text() == f"{os.getpid()}\n"
        assert find_holder(path) == os.getpid()
        assert held.socket == socket_beside(path) == path.with_name("x.pid.sock")
    assert not path.exists()
    assert find_holder(path) is None


def test_it_is_removed_after_an_error(path: Path) -> None:
    with pytest.raises(KeyError), hold_pid_file(path):
        raise KeyError
    assert not path.exists()


def test_a_second_one_is_refused(path: Path) -> None:
    with holder(path) as process:
        with pytest.raises(AlreadyRunning) as caught, hold_pid_file(path):
            pass
        assert caught.value.pid == process.pid
        assert str(caught.value) == f"It runs already, as process {process.pid} (PID_FILE {path})"
        assert path.read_text() == f"{process.pid}\n"


def test_a_process_that_was_killed_leaves_a_file_that_nobody_holds(path: Path) -> None:
    with holder(path) as process:
        process.kill()
        process.wait()
        assert path.read_text() == f"{process.pid}\n"
        assert find_holder(path) is None
        with hold_pid_file(path):
            assert path.read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("content", ["{}\n", "{}", "", "\n", " {} \n"])
def test_a_number_that_another_process_has_by_now_means_nothing(path: Path, content: str) -> None:
    path.write_text(content.format(os.getppid()))
    assert find_holder(path) is None
    assert terminate_holder(path, 0) is None
    with hold_pid_file(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_looking_does_not_keep_anybody_from_starting(path: Path) -> None:
    """Whoever looks takes a shared lock for a moment."""
    path.write_text("1\n")
    with ExitStack() as stack:
        looking = stack.enter_context(path.open())
        fcntl.flock(looking, fcntl.LOCK_SH)
        find, looks = pid_file.find_holder, 0

        def find_and_let_go(path: Path) -> int | None:
            nonlocal looks
            looks += 1
            number = find(path)
            fcntl.flock(looking, fcntl.LOCK_UN)
            return number

        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(pid_file, "find_holder", find_and_let_go)
        with hold_pid_file(path):
            assert looks == 1


def test_a_holder_that_wrote_no_number(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pid_file, "_PATIENCE", 0.1)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(AlreadyRunning, match=r"as process \? "), hold_pid_file(path):
            pass


def test_a_file_that_its_holder_has_just_removed_is_made_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was opened, then removed, then locked."""
    try_lock = pid_file._try_lock

    def remove_and_lock(descriptor: int, kind: int, path: Path) -> bool:
        monkeypatch.undo()
        path.unlink()
        return try_lock(descriptor, kind, path)

    monkeypatch.setattr(pid_file, "_try_lock", remove_and_lock)
    with hold_pid_file(path):
        assert find_holder(path) == os.getpid()


def test_what_another_process_has_made_meanwhile_is_left_alone(path: Path) -> None:
    with hold_pid_file(path):
        path.unlink()
        path.write_text("4711\n")
    assert path.read_text() == "4711\n"


def test_a_child_that_takes_over_keeps_the_file(path: Path) -> None:
    """The first process closes it, too, when the other one runs."""
    with hold_pid_file(path):
        path.write_text("4711\n")
    assert path.read_text() == "4711\n"


@pytest.mark.parametrize(
    "content", [b"RABBIT_HOST: mq1\n", b"12 monkeys\n", b"1" * 100, b"\xff\n", b"-1\n"]
)
def test_what_is_no_pid_file_is_not_overwritten(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is no PID file"), hold_pid_file(path):
        pass
    assert path.read_bytes() == content


def test_a_device_is_no_pid_file() -> None:
    path = Path(os.devnull)
    with pytest.raises(ConfigurationError, match="is no PID file"), hold_pid_file(path):
        pass


def test_a_path_that_is_too_long_for_the_socket_beside_it(tmp_path: Path) -> None:
    longest = tmp_path / ("x" * (97 - len(os.fsencode(tmp_path))))
    with hold_pid_file(longest) as held, socket.socket(socket.AF_UNIX) as beside:
        beside.bind(str(held.socket))
    path = longest.with_name(f"{longest.name}x")
    with pytest.raises(ConfigurationError) as caught, hold_pid_file(path):
        pass
    assert str(caught.value) == f"PID_FILE: {path} is too long a path: 98 bytes are allowed"


def test_only_a_socket_of_its_own_is_removed_with_it(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(socket_beside(path)))
    with hold_pid_file(path):
        pass
    assert socket_beside(path).is_socket()
    with hold_pid_file(path) as held:
        held.owns_socket = True
    assert not socket_beside(path).exists()


def test_what_is_a_pid_file(path: Path, tmp_path: Path) -> None:
    assert not is_pid_file(path)
    path.write_text("4711\n")
    assert is_pid_file(path)
    path.write_text("x\n")
    assert not any(map(is_pid_file, (path, tmp_path, Path(os.devnull))))


@pytest.mark.parametrize(
    ("name", "reason"),
    [("no/x.pid", "No such file or directory"), ("", "Is a directory")],
)
def test_a_file_that_cannot_be_written(tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / name
    with pytest.raises(ConfigurationError) as caught, hold_pid_file(path):
        pass
    assert str(caught.value) == f"PID_FILE: {path} cannot be written: {reason}"


def test_a_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", write)
    with (
        pytest.raises(ConfigurationError, match="cannot be written: No space left on device"),
        hold_pid_file(path),
    ):
        pass
    assert not path.exists()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(ConfigurationError, match="cannot be read: Not a directory"):
        find_holder(tmp_path / "x" / "x.pid")


def test_a_file_system_without_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with (
        pytest.raises(ConfigurationError, match="cannot be locked: No locks available"),
        hold_pid_file(path),
    ):
        pass


@pytest.mark.parametrize("pidfd", [True, False])
def test_a_holder_is_terminated(path: Path, pidfd: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not pidfd:
        monkeypatch.delattr(os, "pidfd_open")
    with holder(path) as process:
        assert terminate_holder(path, 10) == process.pid
        assert process.wait() == -15
    assert find_holder(path) is None


def test_one_that_took_over_the_lock_is_terminated_too(path: Path) -> None:
    with holder(path, "handing over") as process:
        last = terminate_holder(path, 10)
        assert last is not None
        assert last != process.pid
    assert find_holder(path) is None


def test_a_holder_that_goes_on(path: Path) -> None:
    with holder(path, "stubborn") as process:
        with pytest.raises(TimeoutError):
            terminate_holder(path, 0.1)
        assert process.poll() is None


def test_a_holder_that_has_just_ended(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with holder(path) as process:

        def open_late(number: int) -> int:
            process.kill()
            process.wait()
            raise ProcessLookupError

        monkeypatch.setattr(os, "pidfd_open", open_late)
        assert terminate_holder(path, 10) == process.pid


def test_a_number_that_has_become_anothers_is_not_signalled(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_process = os.pidfd_open
    with holder(path) as process:

        def open_another(number: int) -> int:
            process.kill()
            process.wait()
            return open_process(os.getpid())

        monkeypatch.setattr(os, "pidfd_open", open_another)
        assert terminate_holder(path, 10) == process.pid  # and this process lives
