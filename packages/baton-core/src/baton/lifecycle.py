"""Running something until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

logger = logging.getLogger(__name__)

_MARGIN: Final = 5.0
"""Seconds beyond the grace period in which an orderly stop must have ended."""


def run_until_signalled(
    start: Callable[[], Coroutine[Any, Any, None]],
    stop: Callable[[], Coroutine[Any, Any, object]],
    grace: float,
    failed: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> int:
    """Start, wait for SIGTERM or SIGINT, stop; to be called in the main thread.

    *stop* takes at most *grace* seconds and returns what it had to abandon. Returns 0 if that is
    false, else 1. A handler that holds up the event loop itself cannot be waited for: the process
    then ends with 1 a little after the grace period. *failed* is awaited meanwhile; what it
    raises is raised here, after *stop*.
    """

    async def main() -> int:
        loop = asyncio.get_running_loop()
        signalled = asyncio.Event()

        def on_signal(number: int, _: object) -> None:
            if not signalled.is_set():
                _end_at_latest(grace + _MARGIN)
            logger.info("Stopping on %s", signal.Signals(number).name)
            loop.call_soon_threadsafe(signalled.set)

        previous = {
            number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            await start()
            try:
                await _first(signalled.wait(), failed() if failed is not None else None)
            finally:
                abandoned = await stop()
            return 1 if abandoned else 0
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    return asyncio.run(main())


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


def _end_at_latest(seconds: float) -> None:
    """End the process in *seconds*, if it has not ended by itself. The signal handler runs
    between two bytecodes even where the event loop does not."""

    def end() -> None:
        logger.critical("Something did not end within the grace period, it was abandoned")
        logging.shutdown()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
