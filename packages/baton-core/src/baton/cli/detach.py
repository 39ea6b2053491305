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
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

import click

from baton.cli.exit_codes import INTERRUPTED, NO, exit_code
from baton.errors import BatonError, ConfigurationError
from baton.process import Process

if TYPE_CHECKING:
    from types import ModuleType

logger = logging.getLogger(__name__)

_PATIENCE: Final = 60.0
"""Seconds that the detached process may take to start."""
_MOMENT: Final = 5.0
"""Seconds for what takes next to none."""
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
    with _interruption() as interruption:
        child = os.fork()
        if child:
            os.close(writing)
            _wait(program, _News(reading, interruption), child)
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


class _News:
    """What the detached process has said to the one that waits."""

    def __init__(self, pipe: int, interruption: int) -> None:
        self.told: dict[str, Any] = {}
        self.is_over = False
        """Whether nothing comes any more: it has started, or ended."""
        self._pipe = pipe
        self._interruption = interruption
        self._begun = b""

    @property
    def is_interrupted(self) -> bool:
        """Whether the one that waits was told to end."""
        return bool(_readable([self._interruption], 0))

    def listen(self, patience: float, until: str = "", *, heedless: bool = False) -> None:
        """Listen until *until* was told, or it is over, for *patience* seconds at most, or until
        the one that waits was told to end, unless it is *heedless* of that."""
        deadline = time.monotonic() + patience
        sources = [self._pipe] if heedless else [self._pipe, self._interruption]
        while not self.is_over and until not in self.told:
            if self._pipe not in _readable(sources, max(0.0, deadline - time.monotonic())):
                return
            received = os.read(self._pipe, 65_536)
            self.is_over = not received
            *lines, self._begun = (self._begun + received).split(b"\n")
            for line in lines:
                self.told |= json.loads(line)


def _wait(program: str, news: _News, child: int) -> NoReturn:
    """Exit as the detached process says; *child* is what it is a descendant of."""
    news.listen(_PATIENCE)
    code, error = news.told.get("code"), news.told.get("error")
    if code != 0:
        _end(news, child)
    os.waitpid(child, 0)
    if code is None and news.is_interrupted:
        sys.exit(INTERRUPTED)
    if code is None:
        code, error = NO, "It ended, or hung, before it had started"
    if error:
        click.echo(f"{program}: {error}", err=True)
    sys.exit(code)


def _end(news: _News, child: int) -> None:
    """Leave nothing behind of what did not start."""
    news.listen(_MOMENT, "pid", heedless=True)
    if news.is_over:
        return
    if "pid" not in news.told:  # it has not even detached
        os.kill(child, signal.SIGKILL)
        return
    with suppress(ProcessLookupError), closing(Process(news.told["pid"])) as process:
        process.signal(signal.SIGKILL)
    news.listen(_MOMENT, heedless=True)


@contextmanager
def _interruption() -> Iterator[int]:
    """A pipe that can be read as soon as this process was told to end, instead of its end."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def note(*_: object) -> None:
        with suppress(BlockingIOError):  # it is known
            os.write(writing, b"!")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield reading
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


def _readable(sources: list[int], patience: float) -> list[int]:
    return select.select(sources, [], [], patience)[0]
