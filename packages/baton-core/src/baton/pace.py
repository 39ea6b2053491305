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

    async def rest(self) -> None:
        """Let the others go on, if it has been long enough since they did."""
        if time.monotonic() - self._since > self._turn:
            await asyncio.sleep(0)
            self._since = time.monotonic()
