"""Pings on a schedule, so that a monitor knows what should be answered."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from baton.errors import BatonError, Unroutable
from baton_ping.api import PingAPI

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baton.configuration import Configuration
    from baton_ping_monitor.fleet.state import FleetState

logger = logging.getLogger(__name__)

_PATIENCE: Final = 0.5
"""Seconds that stopping waits for a ping that is under way."""


class Pinger:
    """Pings *targets* every so many seconds, and tells *state* of each ping.

    The API waits for the broker, so it is used in a thread; *state* is told on the event loop.
    """

    def __init__(
        self, configuration: Configuration, state: FleetState, targets: Sequence[str], every: float
    ) -> None:
        self.trouble = ""
        self._api = PingAPI(configuration)
        self._state = state
        self._targets = tuple(targets)
        self._every = every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pinger", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to ping. Called once, on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Ping no more."""
        self._stopping.set()
        if self._loop is not None:
            await asyncio.to_thread(self._thread.join, _PATIENCE)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(due - time.monotonic()):
            troubles = [self._ping(target) for target in self._targets]
            self.trouble = next(filter(None, troubles), "")
            due = max(due + self._every, time.monotonic())
        self._api.close()

    def _ping(self, target: str) -> str:
        """Ping *target*; returns what went wrong, or ``""``."""
        before = time.monotonic()
        try:
            self._tell(self._api.ping(target), target, before)
        except BatonError as error:
            if isinstance(error, Unroutable):
                self._tell(None, target, before)
            logger.debug("A ping of %s failed: %s", target, error)
            return f"Cannot ping: {error}"
        return ""

    def _tell(self, message_id: str | None, target: str, when: float) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                self._loop.call_soon_threadsafe(self._state.sent, message_id, target, when)
