"""Detaching a process from the terminal that it was started in."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

import click

from baton.cli.exit_codes import NO, exit_code
from baton.errors import BatonError, ConfigurationError

if TYPE_CHECKING:
    from types import ModuleType

logger = logging.getLogger(__name__)

_PATIENCE: Final = 60.0
"""Seconds that the detached process may take to start."""
_UMASK: Final = 0o027


class HasDescriptor(Protocol):
    """A file or a socket."""

    def fileno(self) -> int:
        """Its descriptor."""


def find_daemon_library() -> ModuleType:
    """python-daemon. Raises ConfigurationError if it is not installed."""
    try:
        import daemon  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "--daemonize needs python-daemon: pip install 'baton-core[daemon]'"
        ) from None
    return daemon  # type: ignore[no-any-return]


@contextmanager
def detached(program: str, preserve: Sequence[HasDescriptor]) -> Iterator[Callable[[], None]]:
    """Run the block in a process of its own, detached, with the files *preserve* alone.

    The block calls what it is given when it has started. Until then the first process waits; it
    never enters the block. Then it exits with 0, or if the block failed before, says why and exits
    with the right code, and the detached process has ended.
    """
    library = find_daemon_library()
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        os.close(writing)
        _wait(program, reading, child)
    os.close(reading)
    launch = _Launch(writing)
    try:
        library.DaemonContext(
            files_preserve=[*preserve, writing], umask=_UMASK, detach_process=True, signal_map={}
        ).open()
        launch.say(pid=os.getpid())
        yield launch.succeed
    except BatonError as error:
        logger.critical("%s", error)
        launch.fail(str(error), exit_code(error))
        raise
    except Exception as error:
        logger.critical("An unexpected error", exc_info=True)
        launch.fail(f"{type(error).__name__}: {error}", NO)
        raise


class _Launch:
    """What the detached process says to the one that waits.

    It closes the pipe when it has started. Otherwise that is left to its end: who waits sees by it
    that nothing is left behind.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe: int | None = pipe

    def say(self, **news: object) -> None:
        if self._pipe is not None:
            os.write(self._pipe, f"{json.dumps(news)}\n".encode())

    def succeed(self) -> None:
        self.say(code=0, error="")
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def fail(self, error: str, code: int) -> None:
        with suppress(OSError):  # nobody waits any more
            self.say(code=code, error=error)


def _wait(program: str, reading: int, child: int) -> NoReturn:
    """Exit as the detached process says; *child* is what it is a descendant of."""
    news: dict[str, Any] = {}
    deadline = time.monotonic() + _PATIENCE
    try:
        while line := _next_line(reading, deadline):
            news |= json.loads(line)
    finally:
        if news.get("code") != 0:
            _end(child, news.get("pid"))
    os.waitpid(child, 0)
    os.close(reading)
    if "code" not in news:
        news |= {"code": NO, "error": "It ended, or hung, before it had started"}
    if news["error"]:
        click.echo(f"{program}: {news['error']}", err=True)
    sys.exit(news["code"])


def _next_line(reading: int, deadline: float) -> bytes:
    """A line, empty if there comes none any more."""
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([reading], [], [], max(0, deadline - time.monotonic()))
        byte = os.read(reading, 1) if ready else b""
        if not byte:
            return b""
        line += byte
    return line


def _end(child: int, detached: int | None) -> None:
    """Leave nothing behind of what did not start."""
    with suppress(ProcessLookupError):
        os.kill(detached or child, signal.SIGKILL)
