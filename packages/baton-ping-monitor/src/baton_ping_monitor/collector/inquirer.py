"""Asking servers for their facts: at first sight and now and then, a few at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from baton.errors import BatonError

if TYPE_CHECKING:
    from baton_ping.api import PingAPI
    from baton_ping_monitor.clock import Clock
    from baton_ping_monitor.fleet.state import FleetState

logger = logging.getLogger(__name__)

FACTS: Final[dict[str, Any]] = {"type": "facts"}
PAUSE: Final = 2.0
"""Seconds between two looks at who is to be asked."""
AT_ONCE: Final = 40
"""Servers that are asked at once at most: each answers with all it knows of itself."""


class Inquirer:
    """Asks the servers that answer in *state* for their facts with *api*, each *every* so many
    seconds. What they answer is an output like others."""

    def __init__(
        self,
        api: PingAPI,
        state: FleetState,
        every: float,
        clock: Clock,
        *,
        pause: float = PAUSE,
        at_once: int = AT_ONCE,
    ) -> None:
        self._api = api
        self._state = state
        self._every = every
        self._clock = clock
        self._pause = pause
        self._at_once = at_once

    async def run(self) -> None:
        """Go on until this is cancelled."""
        while True:
            names = self._state.due_for_facts(self._clock(), self._every, self._at_once)
            if names:
                await asyncio.to_thread(self._ask, names)
            await asyncio.sleep(self._pause)

    def _ask(self, names: Sequence[str]) -> None:
        try:
            self._api.publish_many([(FACTS, name) for name in names])
        except BatonError as error:
            # Whoever was not asked is due again later.
            logger.debug("Not all of %d servers were asked for their facts: %s", len(names), error)
