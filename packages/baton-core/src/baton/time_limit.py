"""A time limit for what a task does, again and again, with one timer for all of it.

``asyncio.timeout`` sets a timer and cancels it each time. For a command that does not wait that is
6 µs of some 30, so here a timer that is early looks again later.
"""

from __future__ import annotations

import asyncio
import time
from types import TracebackType


class TimeLimit:
    """Used as a context manager, one time after the other, by the task that made it. What takes
    more than *seconds* is cancelled, and ends in TimeoutError.

    ``expired`` is whether the last thing did. :meth:`close` takes away the timer.
    """

    def __init__(self, seconds: float) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A time limit is for a task")
        self.seconds = seconds
        self.expired = False
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._cancelling = 0
        self._until = 0.0
        self._inside = False
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self.expired = False
        self._inside = True
        self._cancelling = self._task.cancelling()
        self._until = time.monotonic() + self.seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self.seconds, self._look)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inside = False
        if not self.expired:
            return
        cancelled_by_others = self._task.uncancel() > self._cancelling
        if kind is asyncio.CancelledError and not cancelled_by_others:
            raise TimeoutError from error

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if not self._inside:
            return  # whatever comes next sets it again
        left = self._until - time.monotonic()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
            return
        self.expired = True
        self._task.cancel()
