"""What is known of one server."""

from __future__ import annotations

import pytest

from baton_ping_monitor.fleet.limits import Limits
from baton_ping_monitor.fleet.record import SAMPLES, Record
from baton_ping_monitor.fleet.view import State
from baton_ping_monitor.store.records import ServerRecord

LIMITS = Limits(silent=3, quiet=60.0)


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"seen": None}, State.NEVER_SEEN),
        ({}, State.UP),
        ({"silent": 1}, State.LATE),
        ({"silent": 2}, State.LATE),
        ({"silent": 3}, State.MISSING),
        ({"seen": 30.0}, State.QUIET),
        ({"silent": 9, "maintenance_until": 101.0}, State.MAINTENANCE),
        ({"silent": 9, "maintenance_until": 100.0}, State.MISSING),
        ({"maintenance_until": 101.0, "is_retired": True}, State.RETIRED),
        ({"seen": None, "is_retired": True}, State.RETIRED),
    ],
)
def test_its_state(values: dict[str, object], state: State) -> None:
    record = Record("web01", **({"seen": 99.0} | values))  # type: ignore[arg-type]
    assert record.judge(100.0, 0.0, LIMITS) is state


def test_silence_is_counted_from_when_the_monitor_saw_again() -> None:
    record = Record("web01", seen=0.0)
    assert record.judge(100.0, 50.0, LIMITS) is State.UP
    assert record.judge(111.0, 50.0, LIMITS) is State.QUIET


def test_a_view_is_made_once_until_something_changed() -> None:
    record = Record("web01", seen=1.0)
    first = record.view(1.0, LIMITS)
    record.pongs = 5
    assert record.view(2.0, LIMITS) is first
    record.shown = None
    assert record.view(2.0, LIMITS).pongs == 5


def test_only_flaps_of_a_day_count() -> None:
    record = Record("web01")
    record.flaps.extend([0.0, 10.0, 90_000.0])
    assert record.view(90_001.0, LIMITS).flaps == 1


def test_its_memory_is_bounded() -> None:
    record = Record("web01")
    record.latencies.extend(float(number) for number in range(1000))
    record.flaps.extend(float(number) for number in range(10_000))
    assert (len(record.latencies), len(record.flaps)) == (SAMPLES, 1000)


def test_what_outlives_a_restart() -> None:
    record = Record(
        "web01",
        "production",
        ("shop",),
        state=State.MISSING,
        since=4.0,
        first_seen=1.0,
        seen=3.0,
        pong=2.0,
        is_expected=True,
        is_retired=True,
        maintenance_until=9.0,
    )
    assert record.stored() == ServerRecord(
        "web01",
        "production",
        ("shop",),
        first_seen=1.0,
        last_seen=3.0,
        last_pong=2.0,
        state="missing",
        since=4.0,
        is_expected=True,
        is_retired=True,
        maintenance_until=9.0,
    )
