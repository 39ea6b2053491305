"""Whether the event loop was held up: by a handler that blocks it, by SIGSTOP, by a machine asleep.

Nothing is read from a socket meanwhile. What is read afterwards may have waited there since then,
and cannot be told from what came a moment ago; only an answer to what was asked afterwards shows
that all of that was read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

TICK: Final = 0.5
"""Seconds between two signs of life."""
LIMIT: Final = 1.0
"""Seconds between two of them that are more than a busy machine."""


def clock() -> float:
    """Seconds that have passed, those in which the machine was asleep, too, where that is told."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Stall:
    """Notices that its event loop was held up, and calls *noticed* with for how many seconds.

    ``seconds`` is for how long it was, in all, until that is :meth:`over`; ``count`` is how often.
    """

    def __init__(self, noticed: Callable[[float], None]) -> None:
        self.seconds = 0.0
        self.count = 0
        self._noticed = noticed
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look."""
        self._last = clock()
        self._tick()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def look(self) -> None:
        """Look now. To be called, too, before anything is made of what was read."""
        now = clock()
        held, self._last = now - self._last, now
        if held > LIMIT and self._timer is not None:
            self.count += 1
            self.seconds += held
            self._noticed(held)

    def over(self, count: int) -> None:
        """What had waited was read, of the first *count* times."""
        if count == self.count:
            self.seconds = 0.0

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)
        self.look()
