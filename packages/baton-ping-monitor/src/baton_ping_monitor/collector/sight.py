"""Whether the monitor sees anything: told to the fleet's state, which judges nobody meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.link import Phase, State

if TYPE_CHECKING:
    from baton_ping_monitor.fleet.state import FleetState


def tell_sight(fleet: FleetState, connection: State, now: float) -> None:
    """The *connection* that the outputs come over is as it is since *now*."""
    if connection.phase is Phase.READY:
        fleet.sighted(now)
    else:
        fleet.blind(connection.reason or connection.phase.value, now)
