"""Running something until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from baton.event_loop import ASYNCIO, loop_factory
from baton.log_file import reopen_log_files

logger = logging.getLogger(__name__)

_MARGIN: Final = 5.0
"""Seconds beyond the grace period in which an orderly stop must have ended."""
_LAST_WORDS: Final = 3.0
"""Seconds for saying that it did not."""


def run_until_signalled(
    start: Callable[[], Coroutine[Any, Any, None]],
    stop: Callable[[], Coroutine[Any, Any, object]],
    grace: float,
    failed: Callable[[], Coroutine[Any, Any, None]] | None = None,
    *,
    event_loop: str = ASYNCIO,
) -> int:
    """Start, wait for SIGTERM or SIGINT, stop; to be called in the main thread. On SIGHUP, the
    files that are logged to are opened anew.

    *stop* takes at most *grace* seconds and returns what it had to abandon. Returns 0 if that is
    false, else 1; and 1 if something cancels what waits here. What does not end a little after the
    grace period is abandoned with the whole process, which then ends with 1. *failed* is awaited
    meanwhile; what it, or *start*, raises is raised here, after *stop*.
    *event_loop* is ``asyncio`` or ``uvloop``. Raises ConfigurationError if that is not installed.
    """

    made_by = loop_factory(event_loop)

    # Not a task: it ends the process even where a handler holds up the event loop, or a thread
    # that asyncio.run waits for does not end.
    deadline = threading.Timer(grace + _MARGIN, _end)
    deadline.daemon = True

    async def main() -> int:
        signalled = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_signal(number: int) -> None:
            logger.info("Stopping on %s", signal.Signals(number).name)
            signalled.set()

        def begin_to_end(_: int, __: object) -> None:
            if not deadline.is_alive():
                deadline.start()

        with (
            _signals(loop, [signal.SIGTERM, signal.SIGINT], on_signal, begin_to_end),
            _signals(loop, [signal.SIGHUP], lambda _: reopen_log_files()),
        ):
            try:
                await start()
                await _first(signalled.wait(), failed() if failed is not None else None)
            finally:
                abandoned = await stop()
            return 1 if abandoned else 0

    try:
        with asyncio.Runner(loop_factory=made_by) as runner:
            return runner.run(main())
    except asyncio.CancelledError:  # by something that ran here, not by us
        logger.critical("Something cancelled the main task of this process, so it has stopped")
        return 1
    finally:
        deadline.cancel()


@contextmanager
def _signals(
    loop: asyncio.AbstractEventLoop,
    numbers: Sequence[signal.Signals],
    handle: Callable[[int], None],
    interrupt: Callable[[int, Any], None] | None = None,
) -> Iterator[None]:
    """Have *loop*, which a signal wakes whatever thread it comes to, call *handle*.

    *interrupt* is called even if the loop is held up: between two bytecodes of whatever runs, so
    a log record may be half-way written then.
    """
    previous = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        loop.add_signal_handler(number, handle, number)
        if interrupt is not None:
            signal.signal(number, interrupt)  # in place of the loop's, which does nothing
    try:
        yield
    finally:
        for number, before in previous.items():
            loop.remove_signal_handler(number)
            signal.signal(number, before)


def _end() -> None:
    # Whoever logs may wait for ever, if nobody reads what it says.
    saying = threading.Thread(target=_say_why, daemon=True)
    try:
        saying.start()
        saying.join(_LAST_WORDS)
    finally:
        os._exit(1)


def _say_why() -> None:
    logger.critical("Something did not end within the grace period, it was abandoned")
    logging.shutdown()


async def _first(*coroutines: Coroutine[Any, Any, object] | None) -> None:
    """Wait for the first of them to end, and raise what it raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines if coroutine]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
