"""What keeps the store small and quick, while the dashboard runs."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import SQLAlchemyError

from baton_ping_monitor.store.database import reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from baton_ping_monitor.store.store import Store

logger = logging.getLogger(__name__)

ROLL_EVERY: Final = 30.0
"""Seconds from one roll-up to the next."""
PRUNE_EVERY: Final = 600.0
"""Seconds from one deletion of what is old to the next."""


class Upkeep:
    """Rolls up and deletes, each at its time, in threads. A failure is logged once, and what was
    not done is done later."""

    def __init__(
        self, store: Store, *, roll_every: float = ROLL_EVERY, prune_every: float = PRUNE_EVERY
    ) -> None:
        self._store = store
        self._roll_every = roll_every
        self._prune_every = prune_every
        self._failures = 0

    @property
    def failures(self) -> int:
        """How often in a row something failed."""
        return self._failures

    async def run(self) -> None:
        """Go on until this is cancelled."""
        loop = asyncio.get_running_loop()
        prune_at = loop.time()
        while True:
            await self._do(self._store.roll)
            if loop.time() >= prune_at:
                await self._do(self._store.prune)
                prune_at = loop.time() + self._prune_every
            await asyncio.sleep(self._roll_every)

    async def _do(self, work: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(work)
        except Exception as error:  # nothing that is wrong there ends the dashboard
            if not self._failures:
                logger.warning(
                    "The upkeep of the database %s failed: %s; it is tried again",
                    self._store.name,
                    reason(error),
                    exc_info=None if isinstance(error, (SQLAlchemyError, sqlite3.Error)) else error,
                )
            self._failures += 1
        else:
            self._failures = 0
