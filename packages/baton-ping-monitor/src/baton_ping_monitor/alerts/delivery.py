"""Bringing alerts to one destination: in order, again and again while it does not take them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from baton.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from baton_ping_monitor.alerts.destinations import Destination
    from baton_ping_monitor.alerts.wording import Alert

logger = logging.getLogger(__name__)

PATIENCE: Final = 60.0
"""Seconds that a destination may take for a message."""
_MOST: Final = 100
"""Messages that wait at most."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds between two tries: *first*, then twice as many each time, up to *longest*; no try
    begins *give_up* seconds after the first one of a message."""

    first: float = 5.0
    longest: float = 300.0
    give_up: float = 86_400.0


class Delivery:
    """Sends what is put into it, on the event loop, in a thread of its own.

    *note* is told of each message that was sent, or given up: with why, else ``""``.
    """

    def __init__(
        self,
        destination: Destination,
        note: Callable[[Alert, str, str], None],
        pauses: Pauses,
    ) -> None:
        self.name = destination.name
        self._destination = destination
        self._note = note
        self._pauses = pauses
        self._waiting: deque[Alert] = deque()
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def waiting(self) -> int:
        """How many messages were not sent yet."""
        return len(self._waiting)

    def put(self, alert: Alert) -> None:
        """Send *alert* after those that wait. When too many do, the oldest is given up."""
        if len(self._waiting) >= _MOST:
            dropped = self._waiting.popleft()
            self._note(dropped, self.name, f"more than {_MOST} alerts were waiting")
        self._waiting.append(alert)
        self._idle.clear()
        self._news.set()

    async def try_once(self, alert: Alert) -> str:
        """Send *alert* beside those that wait; returns what went wrong, or ``""``."""
        try:
            return await in_thread(partial(self._destination.send, alert), PATIENCE)
        except TimeoutError:
            return f"no answer within {PATIENCE:g} s"

    async def stop(self, grace: float) -> None:
        """Give what waits *grace* seconds, and end."""
        try:
            async with asyncio.timeout(grace):
                await self._idle.wait()
        except TimeoutError:
            pass
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._send(self._waiting[0])
            self._idle.set()

    async def _send(self, alert: Alert) -> None:
        loop = asyncio.get_running_loop()
        began, pause, told = loop.time(), self._pauses.first, ""
        while trouble := await self.try_once(alert):
            if loop.time() - began + pause > self._pauses.give_up:
                break
            if trouble != told:
                logger.warning(
                    'The alert "%s" could not be sent to %s: %s; it is tried again',
                    alert.title,
                    self.name,
                    trouble,
                )
                told = trouble
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._pauses.longest)
        # It may have been given up meanwhile, to make room.
        if self._waiting and self._waiting[0] is alert:
            self._waiting.popleft()
            self._note(alert, self.name, trouble)
