"""Making views of the fleet."""

from __future__ import annotations

import time

from baton_ping_monitor.fleet.limits import Limits
from baton_ping_monitor.fleet.record import Record
from baton_ping_monitor.fleet.showing import Showing
from baton_ping_monitor.fleet.view import EnvironmentView, FleetView, Incident, State

MISSING = Incident("1", "staging", True, "staging", ("b", "c"), 5.0)


def servers(**states: State) -> dict[str, Record]:
    return {
        name: Record(name, "staging" if name in "bc" else "production", state=state)
        for name, state in states.items()
    }


def test_servers_are_in_order_and_counted() -> None:
    fleet = servers(a=State.UP, b=State.MISSING, c=State.MISSING, d=State.LATE)
    view = Showing(Limits()).view(fleet, FleetView(9.0, incidents=(MISSING,), pings=3))
    assert [each.fqdn for each in view.servers] == ["b", "c", "d", "a"]
    assert view.counts == {State.MISSING: 2, State.LATE: 1, State.UP: 1}
    assert view.environments == (
        EnvironmentView("production", {State.LATE: 1, State.UP: 1}),
        EnvironmentView("staging", {State.MISSING: 2}, is_silent=True),
    )
    assert (view.now, view.pings, view.incidents) == (9.0, 3, (MISSING,))


def test_what_changed_is_shown_in_its_place() -> None:
    showing, fleet = Showing(Limits()), servers(a=State.UP, d=State.UP)
    first = showing.view(fleet, FleetView(1.0))
    fleet["d"].state, fleet["d"].shown = State.MISSING, None
    assert showing.view(fleet, FleetView(2.0)).servers is first.servers  # nobody told of it
    showing.reordered()
    second = showing.view(fleet, FleetView(3.0))
    assert [each.fqdn for each in second.servers] == ["d", "a"]
    assert second.servers[1] is first.servers[0]
    assert second.revision > first.revision


def test_a_view_of_ten_thousand_is_quick() -> None:
    fleet = {f"web{number}": Record(f"web{number}", "production") for number in range(10_000)}
    showing = Showing(Limits())
    showing.view(fleet, FleetView(0.0))
    times = []
    for second in range(1, 6):
        for record in list(fleet.values())[:1000]:  # a tenth answered since
            record.shown = None
        showing.changed()
        began = time.process_time()
        showing.view(fleet, FleetView(float(second)))
        times.append(time.process_time() - began)
    assert min(times) < 0.03
