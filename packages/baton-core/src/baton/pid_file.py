"""PID files: who runs, and that it runs once.

A process holds its file by a lock for as long as it lives. The lock goes with the process, however
that ends; so a file that is left over is told from one that is in use by its lock, and never by the
number in it, which another process may have by now.
"""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from baton.errors import AlreadyRunning, ConfigurationError
from baton.process import Process

_LONGEST: Final = 32
"""Bytes of a PID file that are looked at."""
_POLL: Final = 0.05
_PATIENCE: Final = 1.0
"""Seconds for what is over in a moment."""
_LONGEST_PATH: Final = 98
"""Bytes of a path: on every system the one of the socket beside it may have five more."""


class PidFile:
    """A PID file that this process holds; made by :func:`hold_pid_file`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.owns_socket = False
        """Whether the socket beside it was made by this process, and is removed with it."""
        self._descriptor = descriptor

    @property
    def socket(self) -> Path:
        """Where the process answers those who ask how it is."""
        return socket_beside(self.path)

    def fileno(self) -> int:
        """The descriptor that holds the lock; a child inherits it, and the lock with it."""
        return self._descriptor

    def write(self) -> None:
        """Write the number of this process: it is the one that runs. Raises ConfigurationError."""
        text = f"{os.getpid()}\n".encode()
        try:
            # In this order there is a whole number in the first line at any moment.
            os.pwrite(self._descriptor, text, 0)
            os.ftruncate(self._descriptor, len(text))
        except OSError as error:
            raise _unusable(self.path, "written", error) from None

    def close(self) -> None:
        """Let go of the file. It is removed, unless it is another process that runs by now."""
        if _number(_content(self._descriptor)) in (None, os.getpid()):
            with suppress(OSError):  # it would be told by its lock
                if self.owns_socket:
                    self.socket.unlink()
                if _has_name(self._descriptor, self.path):
                    self.path.unlink()
        os.close(self._descriptor)


@contextmanager
def hold_pid_file(path: Path) -> Iterator[PidFile]:
    """Hold *path*, with the number of this process in it, within the block.

    Raises AlreadyRunning if another process holds it, and ConfigurationError if it cannot be
    written, is something else than a PID file, or has too long a path.
    """
    pid_file = PidFile(path, _lock(path))
    try:
        pid_file.write()
        yield pid_file
    finally:
        pid_file.close()


def find_holder(path: Path) -> int | None:
    """The number of the process that holds *path*, None if none does.

    Raises ConfigurationError if *path* cannot be read.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, "read", error) from None
        try:
            if _try_lock(descriptor, fcntl.LOCK_SH, path):
                return None
            number = _number(_content(descriptor))
        finally:
            os.close(descriptor)
        # A process that has just made the file is about to write its number.
        if number is not None or time.monotonic() > deadline:
            return number
        time.sleep(_POLL)


def terminate_holder(path: Path, timeout: float) -> int | None:
    """Send SIGTERM to the process that holds *path*, and wait until it has ended, and with it
    whoever it has given the lock to by then.

    Returns the number of the last one, None if none held it. Raises TimeoutError if it goes on
    after *timeout* seconds, PermissionError if it is not ours to end, and ConfigurationError as
    :func:`find_holder` does.
    """
    number = find_holder(path)
    if number is None:
        return None
    deadline = time.monotonic() + timeout
    file = _identity(path)
    while True:
        _terminate(number, path, deadline)
        holder = find_holder(path)
        if holder in (None, number) or _identity(path) != file:
            return number
        number = holder  # it has the lock from the other one, which was about to detach it


def _terminate(number: int, path: Path, deadline: float) -> None:
    with ExitStack() as stack:
        process = None
        with suppress(ProcessLookupError):  # it has just ended
            process = stack.enter_context(closing(Process(number)))
            if find_holder(path) != number:  # by now the number may be another's
                return
            process.signal(signal.SIGTERM)
        while find_holder(path) == number or (process is not None and process.runs):
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(_POLL)


def is_pid_file(path: Path) -> bool:
    """Whether *path* is a PID file, or an empty file that may become one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return _is_pid_file(descriptor)
    finally:
        os.close(descriptor)


def socket_beside(path: Path) -> Path:
    """The socket that belongs to the PID file *path*.

    >>> str(socket_beside(Path("/run/baton-ping.pid")))
    '/run/baton-ping.pid.sock'
    """
    return path.with_name(f"{path.name}.sock")


def _lock(path: Path) -> int:
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise ConfigurationError(
            f"PID_FILE: {path} is too long a path: {_LONGEST_PATH} bytes are allowed"
        )
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _unusable(path, "written", error) from None
        try:
            if not _is_pid_file(descriptor):
                raise ConfigurationError(
                    f"PID_FILE: {path} is no PID file: it holds something else, which is not "
                    "overwritten"
                )
            if _try_lock(descriptor, fcntl.LOCK_EX, path):
                if _has_name(descriptor, path):
                    return os.dup(descriptor)
                continue  # whoever held it until now has removed it
            # Or somebody only looks whether it is held, which takes a lock for a moment.
            number = find_holder(path)
            if number is not None or time.monotonic() > deadline:
                raise AlreadyRunning(number, path)
        finally:
            os.close(descriptor)
        time.sleep(_POLL)


def _try_lock(descriptor: int, kind: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _unusable(path, "locked", error) from None
    return True


def _has_name(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _content(descriptor: int) -> bytes:
    try:
        return os.pread(descriptor, _LONGEST + 1, 0)
    except OSError:  # a terminal, a pipe
        return b"?"


def _is_pid_file(descriptor: int) -> bool:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return False
    content = _content(descriptor)
    return len(content) <= _LONGEST and (not content.strip() or _number(content) is not None)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _number(content: bytes) -> int | None:
    line = content.partition(b"\n")[0].strip()
    return int(line) if line.isdigit() else None


def _unusable(path: Path, what: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"PID_FILE: {path} cannot be {what}: {error.strerror}")
