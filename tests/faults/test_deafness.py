"""What is evidence that a service is deaf, and when that is a lie."""

import pytest

from faults.deafness import HEARS, Deaf, deaf
from faults.history import Event, History, Kind

WEB = "web01"


def state(at: float, detail: str = "ready") -> Event:
    return Event(at, Kind.STATE, server=WEB, detail=detail)


def probe(at: float) -> Event:
    return Event(at, Kind.PROBED, f"at {at}", WEB)


def heard(event: Event, after: float = 0.1) -> Event:
    return Event(event.at + after, Kind.HEARD, event.id, WEB)


PROBES = [probe(float(at)) for at in range(1, 9)]


def found(*events: Event, notice: float = 5.0) -> list[Deaf]:
    return list(deaf(History(events=events), notice))


def test_ready_and_deaf_for_too_long() -> None:
    (lie,) = found(state(0), *PROBES)
    assert lie == Deaf(WEB, 7.0, 8)
    assert str(lie) == "web01 said ready while it was deaf for 7.0 s: 8 probes were not heard"


def test_for_as_long_as_it_takes_to_notice() -> None:
    assert found(state(0), *PROBES, notice=7.0) == []


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(map(heard, PROBES), id="all heard"),
        pytest.param([heard(PROBES[4])], id="one heard in between"),
        pytest.param([state(4.5, "connecting"), state(4.6)], id="not ready for a moment"),
        pytest.param([state(2.5, "disconnected")], id="it was noticed"),
    ],
)
def test_no_lie(events: list[Event]) -> None:
    assert found(state(0), *PROBES, *events) == []


@pytest.mark.parametrize("kind", [Kind.HEARD, Kind.EXPIRED])
def test_who_is_slow_is_not_deaf(kind: Kind) -> None:
    late = [Event(each.at + HEARS + 0.1, kind, each.id, WEB) for each in PROBES]
    assert found(state(0), *PROBES, *late) == []


def test_who_never_said_that_it_is_ready_does_not_lie() -> None:
    assert found(*PROBES) == []
