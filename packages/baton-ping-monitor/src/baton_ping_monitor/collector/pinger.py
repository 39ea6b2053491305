"""Pings on a schedule, so that a monitor knows what should be answered."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from baton.errors import BatonError, PublishFailed, Unroutable

if TYPE_CHECKING:
    from baton_ping.api import PingAPI
    from baton_ping_monitor.clock import Clock
    from baton_ping_monitor.fleet.state import FleetState

logger = logging.getLogger(__name__)

PING: Final[dict[str, Any]] = {"type": "ping"}
_EXPIRES: Final = 30.0
"""Seconds that a ping may wait in the broker: an answer that comes late tells more than none."""
_PATIENCE: Final = 0.5
"""Seconds that stopping waits for a ping that is under way."""


class Pinger:
    """Pings *targets* every so many seconds with *api*, and tells *state* of each round.

    The API waits for the broker, so it is used in a thread; *state* is told on the event loop. A
    ping of which it is not known whether it was sent is not told: nobody has to answer it.
    """

    def __init__(
        self,
        api: PingAPI,
        state: FleetState,
        targets: Sequence[str],
        every: float,
        clock: Clock,
    ) -> None:
        self.trouble = ""
        self._api = api
        self._state = state
        self._targets = tuple(targets)
        self._every = every
        self._clock = clock
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
            try:
                self._ping()
            except Exception:  # the next one may go well
                logger.exception("A ping failed")
                self.trouble = "Cannot ping: the log says why"
            due = max(due + self._every, time.monotonic())

    def _ping(self) -> None:
        """Ping every target, and tell of those that were pinged."""
        before = self._clock()
        errors: dict[int, Exception] = {}
        try:
            ids = self._api.publish_many(
                [(PING, target) for target in self._targets], expires=_EXPIRES
            )
        except PublishFailed as failed:
            ids, errors = list(failed.ids), failed.errors
        except BatonError as error:
            ids, errors = [], dict.fromkeys(range(len(self._targets)), error)
        self.trouble = next((f"Cannot ping: {error}" for error in errors.values()), "")
        if errors:
            logger.debug("%s", self.trouble)
        pings: dict[str, str | None] = {}
        published = iter(ids)
        for position, target in enumerate(self._targets):
            if position not in errors:
                pings[target] = next(published)
            elif isinstance(errors[position], Unroutable):
                pings[target] = None
        if pings and self._loop is not None:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                self._loop.call_soon_threadsafe(self._state.ping_sent, pings, before)
