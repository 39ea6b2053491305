"""Pace: who has much to do on an event loop lets the others have their turns."""

from __future__ import annotations

import asyncio
import time
from typing import Final

TURN: Final = 0.005
"""Seconds that one may hold the event loop at a time."""


class Pace:
    """Asked between two pieces of work, it gives the others a turn when this one is over.

    It begins when it is made. *turn* is in seconds.
    """

    __slots__ = ("_since", "_turn")

    def __init__(self, turn: float = TURN) -> None:
        self._turn = turn
        self._since = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether this turn has been long enough."""
        return time.monotonic() - self._since > self._turn

    async def rest(self) -> None:
        """Let the others go on, if this turn is over. What is asked very often asks that first."""
        if self.is_over:
            await asyncio.sleep(0)
            self._since = time.monotonic()
