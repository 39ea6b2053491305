"""Telling pages that are open that something changed, at most so often."""

from __future__ import annotations

import asyncio


class Updates:
    """Counts changes; whoever waits is told of all that came meanwhile at once.

    Everything happens on the event loop.
    """

    def __init__(self) -> None:
        self._revision = 0
        self._changed = asyncio.Event()

    @property
    def revision(self) -> int:
        """How many changes there were."""
        return self._revision

    def notify(self) -> None:
        """Something changed."""
        self._revision += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def beyond(self, revision: int) -> int:
        """Wait for a revision after *revision*, and return the latest."""
        while self._revision <= revision:
            await self._changed.wait()
        return self._revision
