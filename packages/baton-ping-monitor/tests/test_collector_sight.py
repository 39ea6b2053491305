"""Whether the monitor sees anything."""

from __future__ import annotations

from baton.link import Phase, State
from baton_ping_monitor.collector.sight import tell_sight
from baton_ping_monitor.fleet.state import FleetState
from baton_ping_monitor.fleet.view import Blindness


def test_only_one_that_is_ready_sees() -> None:
    fleet = FleetState()
    tell_sight(fleet, State(Phase.CONNECTING), 1.0)
    assert fleet.blindness == Blindness(1.0, "connecting")
    tell_sight(fleet, State(Phase.READY), 2.0)
    assert fleet.view(2.0).blindness is None
    tell_sight(fleet, State(Phase.DISCONNECTED, reason="it was closed"), 3.0)
    assert fleet.blindness == Blindness(3.0, "it was closed")
