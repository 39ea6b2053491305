"""The servers that are known."""

from __future__ import annotations

from baton_ping_monitor.fleet.limits import DAY
from baton_ping_monitor.fleet.record import Record
from baton_ping_monitor.fleet.roster import Roster
from baton_ping_monitor.fleet.view import State

NOW = 10 * DAY


def roster(*records: Record, most: int = 3) -> Roster:
    made = Roster(most)
    for record in records:
        made.add(record)
    return made


def test_there_is_room_until_it_is_full() -> None:
    assert roster(Record("a"), Record("b")).to_forget(NOW) == ()


def test_who_was_retired_or_not_heard_for_the_longest_gives_way() -> None:
    old, older = Record("old", seen=NOW - 2 * DAY), Record("older", seen=NOW - 3 * DAY)
    retired = Record("retired", seen=NOW - 2 * DAY, is_retired=True)
    assert roster(old, older, retired).to_forget(NOW) == [retired]
    assert roster(old, older, Record("new", seen=NOW)).to_forget(NOW) == [older]


def test_who_is_there_or_expected_does_not() -> None:
    full = roster(
        Record("new", seen=NOW), Record("expected", is_expected=True), Record("b", seen=NOW - 1)
    )
    assert full.to_forget(NOW) is None
    full.records["b"].seen = 0.0
    assert full.to_forget(NOW + 59) is None  # it is not looked for all the time
    assert full.to_forget(NOW + 61) == [full.records["b"]]


def test_one_that_moved_or_is_forgotten_is_found_no_more() -> None:
    record = Record("web01", "production", ("shop",), seen=NOW, correlates=True)
    made = roster(record)
    made.move(record, "staging", ("blog",))
    assert made.reached(["production", "shop.production", "shop.staging"]) == frozenset()
    assert made.reached(["blog.staging"]) == {"web01"}
    made.forget(record)
    assert made.reached(["*", "web01"]) == frozenset()
    assert made.records == {}


def test_who_is_retired_or_in_maintenance_need_not_answer() -> None:
    states = (State.UP, State.RETIRED, State.MAINTENANCE, State.MISSING)
    made = roster(
        *(Record(state.name, seen=NOW, correlates=True, state=state) for state in states), most=9
    )
    assert made.reached(["*"]) == {"UP", "MISSING"}
