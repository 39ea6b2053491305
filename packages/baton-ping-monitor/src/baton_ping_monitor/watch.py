"""Watching a fleet in the terminal: a monitor feeds its state, a display shows it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from baton_ping.api import PingAPI
from baton_ping_monitor.clock import Clock
from baton_ping_monitor.collector.monitor import CollectingMonitor, describe
from baton_ping_monitor.collector.pinger import Pinger
from baton_ping_monitor.collector.sight import tell_sight
from baton_ping_monitor.fleet.limits import Limits
from baton_ping_monitor.fleet.state import FleetState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baton.configuration import Configuration
    from baton.link import State
    from baton_ping_monitor.observation import Observation
    from baton_ping_monitor.settings import PingSettings
    from baton_ping_monitor.terminal.display import Display

_TICK: Final = 0.5
"""Seconds between two looks at the fleet."""


class Watch:
    """Shows the fleet of *configuration* on *display*. Nothing is kept.

    It pings as *ping* says; otherwise it only listens, and does not know who should have answered.
    :meth:`start`, :meth:`run` and :meth:`stop` are for :func:`baton.lifecycle.run_until_signalled`.
    """

    def __init__(
        self,
        configuration: Configuration,
        display: Display,
        ping: PingSettings,
        instance: str | None = None,
    ) -> None:
        self._configuration = configuration
        self._display = display
        self._clock = Clock()
        limits = Limits.of(ping.every, ping.silent)
        self._state = FleetState(limits, pings_by_itself=ping.every is not None)
        self._monitor = CollectingMonitor(
            configuration, PingAPI.extension, instance, self._observe, self._clock
        )
        self._monitor.watch(self._on_state)
        self._api: PingAPI | None = None
        self._pinger: Pinger | None = None
        if ping.every is not None:
            self._api = PingAPI(configuration)
            self._pinger = Pinger(self._api, self._state, ping.targets, ping.every, self._clock)
        self._is_wrecked = False

    async def start(self) -> None:
        """Begin to listen, to ping and to show. Returns at once."""
        self._display.start(_introduce(self._configuration))
        await self._monitor.start(_ignore)
        if self._pinger is not None:
            self._pinger.start()

    async def run(self) -> None:
        """Show the fleet until the monitor cannot go on, which raises InstanceTaken."""
        failed = asyncio.ensure_future(self._monitor.failed())
        try:
            while not failed.done():
                self._show()
                await asyncio.wait([failed], timeout=_TICK)
            self._is_wrecked = True
            failed.result()
        finally:
            failed.cancel()

    async def stop(self) -> None:
        """Close the display first, so that the terminal is a terminal again at once."""
        self._display.stop(None if self._is_wrecked else self._state.view(self._clock()))
        if self._pinger is not None:
            await self._pinger.stop()
        await self._monitor.stop()
        if self._api is not None:
            await asyncio.to_thread(self._api.close)

    def _show(self) -> None:
        now = self._clock()
        self._state.tick(now)
        self._state.take_changes()  # nobody keeps them
        view = self._state.view(now)
        notes = [describe(self._monitor.state)]
        if self._pinger is not None:
            notes += filter(None, [self._pinger.trouble])
        elif not view.servers:
            notes.append("This monitor only listens. Ping the fleet with: baton ping --all")
        self._display.show(view, notes)

    async def _observe(self, observations: Sequence[Observation]) -> None:
        for each in observations:
            self._state.observe(each)

    def _on_state(self, state: State) -> None:
        tell_sight(self._state, state, self._clock())


def _introduce(configuration: Configuration) -> str:
    hosts = ", ".join(map(str, configuration.endpoints))
    vhost = configuration.rabbit_vhost
    return f"The servers that answer baton-ping over {hosts} (vhost {vhost}). Ctrl-C ends it."


def _ignore(_: State) -> None:
    """The state of the connection is shown with the fleet, it need not be logged."""
