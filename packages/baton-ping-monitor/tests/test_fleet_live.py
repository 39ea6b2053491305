"""The fleet as views are given it."""

from __future__ import annotations

from baton_ping_monitor.clock import Clock
from baton_ping_monitor.fleet.live import LiveFleet
from baton_ping_monitor.fleet.state import FleetState
from baton_ping_monitor.fleet.view import State
from baton_ping_monitor.observation import Observation


def test_it_is_as_it_is_now_and_tells_of_changes() -> None:
    clock, changes = Clock(), []
    state = FleetState()
    live = LiveFleet(state, clock, lambda: changes.append(1))
    now = clock()
    state.observe(Observation(now, "baton-ping", "pong", "web01", "production"))
    assert live.view().now >= now
    assert live.server("web02") is None
    assert live.maintain(["web01", "web02"], now + 60, "alice") == 1
    server = live.server("web01")
    assert server is not None
    assert server.state is State.MAINTENANCE
    assert live.retire(["web01"], "alice") == 1
    assert live.retire(["web01"], "alice", retired=False) == 1
    assert len(changes) == 3
