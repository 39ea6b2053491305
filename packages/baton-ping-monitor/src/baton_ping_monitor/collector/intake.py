"""The way of what is collected: into the state of the fleet, and into the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from baton_ping_monitor.store.records import Batch

if TYPE_CHECKING:
    from baton_ping_monitor.clock import Clock
    from baton_ping_monitor.fleet.state import FleetState
    from baton_ping_monitor.fleet.view import Incident
    from baton_ping_monitor.observation import Observation
    from baton_ping_monitor.updates import Updates

logger = logging.getLogger(__name__)

_TICK: Final = 1.0
"""Seconds between two looks at what time changes."""


class Recording(Protocol):
    """What brings batches into the store: :class:`~baton_ping_monitor.store.recorder.Recorder`."""

    def record(self, batch: Batch) -> Awaitable[object]:
        """Return when *batch* is committed; raise RuntimeError if the recorder has ended."""


class Intake:
    """Takes what monitors observe, and lets time pass for the fleet.

    An output is acknowledged when it is committed. What becomes of the fleet's state is kept a
    moment later: it follows from the outputs, and is found again after a restart. *on_incidents*
    is given incidents that began, grew or ended. Everything happens on the event loop.
    """

    def __init__(
        self,
        state: FleetState,
        recorder: Recording,
        updates: Updates,
        clock: Clock,
        on_incidents: Callable[[Sequence[Incident]], object],
    ) -> None:
        self._state = state
        self._recorder = recorder
        self._updates = updates
        self._clock = clock
        self._on_incidents = on_incidents
        self._hurry = asyncio.Event()

    async def observe(self, observations: Sequence[Observation]) -> None:
        """Outputs of the extension that is pinged: they tell how the fleet is."""
        await self.keep([self._state.observe(each) for each in observations])

    async def keep(self, observations: Sequence[Observation]) -> None:
        """Any outputs: return when they are committed."""
        try:
            await self._recorder.record(Batch(observations=tuple(observations)))
        except RuntimeError:
            # The end of the process is near: what is not kept is not acknowledged, and comes again.
            await asyncio.get_running_loop().create_future()
        self._updates.notify()

    def hurry(self) -> None:
        """Something was changed that should be kept soon."""
        self._updates.notify()
        self._hurry.set()

    async def tick(self) -> None:
        """Let time pass, until this is cancelled."""
        while True:
            before = self._state.revision
            self._state.tick(self._clock())
            if self._state.revision != before:
                self._updates.notify()
            await asyncio.sleep(_TICK)

    async def keep_changes(self) -> None:
        """Keep what becomes of the fleet's state, until this is cancelled."""
        while True:
            await self.keep_changes_now()
            self._hurry.clear()
            try:
                async with asyncio.timeout(_TICK):
                    await self._hurry.wait()
            except TimeoutError:
                continue

    async def keep_changes_now(self) -> None:
        """Return when all changes that there are are committed."""
        changes = self._state.take_changes()
        if changes.incidents:
            self._on_incidents(changes.incidents)
        if changes.servers or changes.transitions or changes.missed:
            await self._recorder.record(
                Batch(
                    missed=changes.missed,
                    servers=changes.servers,
                    transitions=changes.transitions,
                )
            )
