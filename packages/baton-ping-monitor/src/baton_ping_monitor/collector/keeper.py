"""Brings into the store what nobody waits for: incidents, runs, and that people were told."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from baton.backoff import Backoff
from baton_ping_monitor.store.database import reason
from baton_ping_monitor.store.pause import pause

logger = logging.getLogger(__name__)

MOST: Final = 20_000
_LONGEST: Final = 5.0
"""Seconds between two tries at most."""


class Keeper:
    """Does what it is given one after the other, in a thread, and again while the database fails.

    Everything else happens on the event loop. When more than *most* wait, the oldest is given up;
    so is what can never be kept, whatever the database does.
    """

    def __init__(self, most: int = MOST) -> None:
        self._waiting: deque[Callable[[], object]] = deque(maxlen=most)
        self._news = asyncio.Event()
        self._is_closing = False

    def put(self, write: Callable[[], object]) -> None:
        """Have *write* called soon, in a thread."""
        self._waiting.append(write)
        self._news.set()

    def close(self) -> None:
        """Do what waits, once, and end."""
        self._is_closing = True
        self._news.set()

    async def run(self) -> int:
        """Go on until :meth:`close`; returns how much was given up."""
        backoff = Backoff(_LONGEST)
        given_up = 0
        is_failing = False
        while self._waiting or not self._is_closing:
            self._news.clear()
            if not self._waiting:
                await self._news.wait()
                continue
            write = self._waiting[0]
            try:
                await asyncio.to_thread(write)
            except Exception as error:  # what comes after it is to be kept
                if not _is_never_kept(error):
                    if not is_failing:
                        logger.warning(
                            "Something could not be kept: %s; trying until it is", reason(error)
                        )
                    is_failing = True
                    if self._is_closing:
                        return given_up + len(self._waiting)
                    await pause(backoff.next(), self._news, lambda: self._is_closing)
                    continue
                logger.error("Something cannot be kept: %s", reason(error), exc_info=error)
                given_up += 1
            else:
                is_failing = False
                backoff.reset()
            if self._waiting and self._waiting[0] is write:
                self._waiting.popleft()
        return given_up


def _is_never_kept(error: Exception) -> bool:
    """Whether it is the fault of what was to be kept: to try again would be in vain."""
    return not isinstance(error, SQLAlchemyError) or isinstance(error, DataError | IntegrityError)
