"""Ending a command that waits: by Ctrl-C or SIGTERM, with an account of what came so far."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_ENDED_BY: Final = 128
"""Is added to a signal's number, as shells do, for an exit code."""
_MARGIN: Final = 10.0
"""Seconds after which a command that was told to end has ended."""

Value = TypeVar("Value")


class Interruption:
    """Whether this command was told to end, and by which signal.

    :meth:`run` runs a coroutine in an event loop. The first signal cancels it: it may catch
    that, and :attr:`exit_code` is set then. The second one raises KeyboardInterrupt wherever it
    is, perhaps in a write to a pipe that nobody reads. What does not end, the loop's own end
    included, is ended with the process.
    """

    def __init__(self) -> None:
        self.exit_code: int | None = None

    def run(self, coroutine: Coroutine[Any, Any, Value]) -> Value | None:
        """What *coroutine* returns; None if it was cancelled by a signal."""
        with self._listening():
            try:
                return asyncio.run(self._guarded(coroutine))
            except asyncio.CancelledError:
                if self.exit_code is None:
                    raise
                return None

    def is_caught(self) -> bool:
        """Whether a CancelledError that was caught is due to a signal, and the task goes on."""
        task = asyncio.current_task()
        if self.exit_code is None or task is None:
            return False
        task.uncancel()
        return True

    async def _guarded(self, coroutine: Coroutine[Any, Any, Value]) -> Value:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(DaemonThreads())
        if not _hears_signals():
            return await coroutine
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  (for type checkers)
        handlers = {number: signal.getsignal(number) for number in _SIGNALS}

        def keep(change: Callable[..., object], *arguments: object) -> None:
            # In place of asyncio's, which does nothing: ours is called in a write, too.
            for number, handler in handlers.items():
                change(number, *arguments)
                signal.signal(number, handler)

        keep(loop.add_signal_handler, task.cancel)
        try:
            return await coroutine
        finally:
            keep(loop.remove_signal_handler)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Take note of signals, also while the loop is torn down."""
        if not _hears_signals():
            yield
            return
        deadline: threading.Timer | None = None

        def begin_to_end(number: int, _: object) -> None:
            nonlocal deadline
            if self.exit_code is not None:
                # That some task is broken off by it is no news.
                logging.getLogger("asyncio").disabled = True
                raise KeyboardInterrupt
            self.exit_code = _ENDED_BY + number
            deadline = threading.Timer(_MARGIN, os._exit, [self.exit_code])
            deadline.daemon = True
            deadline.start()

        previous = {number: signal.signal(number, begin_to_end) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, before in previous.items():
                signal.signal(number, before)
            if deadline is not None:
                deadline.cancel()


class DaemonThreads(ThreadPoolExecutor):
    """A thread for each call, for which nobody waits: neither the loop nor the process ends before
    those of an ordinary executor, and a name server may not answer for minutes."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call *fn*, and say in a future what came of it."""
        future: Future[Any] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                found = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001  (raised where it is awaited)
                future.set_exception(error)
            else:
                future.set_result(found)

        threading.Thread(target=call, name="baton resolver", daemon=True).start()
        return future


def _hears_signals() -> bool:
    return threading.current_thread() is threading.main_thread()
