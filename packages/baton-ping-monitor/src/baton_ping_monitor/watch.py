"""Watching a fleet: a monitor feeds its state, a display shows it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from baton_ping_monitor.collector.monitor import FleetMonitor
from baton_ping_monitor.collector.pinger import Pinger
from baton_ping_monitor.fleet.state import FleetState, Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baton.configuration import Configuration
    from baton.link import State
    from baton_ping_monitor.terminal.display import Display

_TICK: Final = 0.5
"""Seconds between two looks at the fleet."""
_QUIET_PINGS: Final = 5
"""A server is not called quiet before it let this many pings pass."""


class Watch:
    """Shows the fleet of *configuration* on *display*.

    With *ping_every*, it pings *targets* every so many seconds; otherwise it only listens, and
    does not know who should have answered. :meth:`start`, :meth:`run` and :meth:`stop` are for
    :func:`baton.lifecycle.run_until_signalled`.
    """

    def __init__(
        self,
        configuration: Configuration,
        display: Display,
        *,
        instance: str | None = None,
        targets: Sequence[str] = (),
        ping_every: float | None = None,
        introduction: str | None = None,
    ) -> None:
        self._display = display
        self._introduction = introduction or _introduce(configuration)
        quiet = max(Limits().quiet, _QUIET_PINGS * (ping_every or 0.0))
        self._state = FleetState(Limits(quiet=quiet))
        self._monitor = FleetMonitor(configuration, self._state, instance)
        self._pinger: Pinger | None = None
        if ping_every is not None:
            self._pinger = Pinger(configuration, self._state, targets, ping_every)
        self._is_wrecked = False

    async def start(self) -> None:
        """Begin to listen, to ping and to show. Returns at once."""
        self._display.start(self._introduction)
        await self._monitor.start(_ignore)
        if self._pinger is not None:
            self._pinger.start()

    async def run(self, seconds: float | None = None) -> None:
        """Show the fleet for so many *seconds*, or until the monitor cannot go on, which raises
        InstanceTaken."""
        until = None if seconds is None else time.monotonic() + seconds
        failed = asyncio.ensure_future(self._monitor.failed())
        try:
            while not failed.done() and (until is None or time.monotonic() < until):
                self._show()
                await asyncio.wait([failed], timeout=_TICK)
            if failed.done():
                self._is_wrecked = True
                failed.result()
        finally:
            failed.cancel()

    async def stop(self) -> None:
        """Close the display first, so that the terminal is a terminal again at once."""
        self._display.stop(None if self._is_wrecked else self._state.view(time.monotonic()))
        if self._pinger is not None:
            await self._pinger.stop()
        await self._monitor.stop()

    def _show(self) -> None:
        now = time.monotonic()
        view = self._state.view(now)
        notes = [self._monitor.describe()]
        if self._pinger is not None:
            notes += filter(None, [self._pinger.trouble])
        elif not view.servers:
            notes.append("This monitor only listens. Ping the fleet with: baton ping --all")
        self._display.show(view, now, notes)


def _introduce(configuration: Configuration) -> str:
    hosts = ", ".join(map(str, configuration.endpoints))
    vhost = configuration.rabbit_vhost
    return f"The servers that answer baton-ping over {hosts} (vhost {vhost}). Ctrl-C ends it."


def _ignore(_: State) -> None:
    """The state of the connection is shown with the fleet, it need not be logged."""
