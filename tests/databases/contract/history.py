"""Charts, and the roll-ups that they are made of."""

from typing import Any

import pytest

from baton_ping_monitor.store.records import (
    Batch,
    Missed,
    Point,
    Span,
)
from baton_ping_monitor.store.store import Store
from databases.stores import DB, NOON, WEB, Stores, failure, pong, write


def near(number: float) -> Any:
    """Equal to *number* but for what sums of floating point numbers lose."""
    return pytest.approx(number)


def test_an_hour_is_shown_sample_by_sample(store: Store) -> None:
    store.write(
        Batch(
            observations=(
                pong(WEB, NOON - 20, latency=0.5),
                failure(WEB, NOON - 10, latency=None),
                pong(WEB, NOON - 5, kind="facts"),
                pong(WEB, NOON - 4000),
                pong(DB, NOON - 1),
            ),
            missed=(Missed(NOON - 15, WEB), Missed(NOON - 4000, WEB), Missed(NOON, DB)),
        )
    )
    assert store.points(WEB, Span.HOUR, NOON) == [
        Point(NOON - 20, 0.0, 1, 0, 0, 0.5, 0.5, 0.5),
        Point(NOON - 15, 0.0, 0, 1, 0, None, None, None),
        Point(NOON - 10, 0.0, 0, 0, 1, None, None, None),
    ]


def test_too_many_samples_are_merged(store: Store) -> None:
    samples = [pong(WEB, NOON - 3600 + each, latency=each / 1000) for each in range(1, 3600)]
    store.write(Batch(observations=tuple(samples), missed=(Missed(NOON - 3599.5, WEB),)))
    found = store.points(WEB, Span.HOUR, NOON)
    assert len(found) == 360
    assert sum(point.answered for point in found) == 3599
    assert found[0] == Point(NOON - 3600, 10.0, 9, 1, 0, 0.001, near(0.005), 0.009)
    assert found[-1].high == 3.599


@pytest.mark.parametrize(
    ("span", "width"), [(Span.DAY, 300.0), (Span.WEEK, 3600.0), (Span.QUARTER, 21_600.0)]
)
def test_longer_spans_are_shown_from_roll_ups(span: Span, width: float, store: Store) -> None:
    store.write(
        Batch(
            observations=(
                pong(WEB, NOON + 1, latency=0.1),
                pong(WEB, NOON + 61, latency=0.3),
                pong(WEB, NOON + 62, latency=None),
                failure(WEB, NOON + 70, latency=None),
                pong(WEB, NOON + 71, kind="facts", latency=9.0),
                pong(DB, NOON + 1, latency=5.0),
            ),
            missed=(Missed(NOON + 2, WEB), Missed(NOON + 299, WEB)),
        )
    )
    assert store.points(WEB, span, NOON + 300) == []
    store.roll()
    begin = NOON // width * width
    assert store.points(WEB, span, NOON + 300) == [
        Point(begin, width, 3, 2, 1, 0.1, near(0.2), 0.3)
    ]
    assert store.points("nobody.example.org", span, NOON) == []


def test_a_roll_up_counts_everything_once_however_often_it_is_done(stores: Stores) -> None:
    store = stores.open()
    for round_ in range(3):
        store.write(
            Batch(
                observations=(pong(WEB, NOON + round_, latency=0.1 * (3 - round_)),),
                missed=(Missed(NOON + round_, WEB),),
            )
        )
        store.roll()
        store.roll()
        store.close()
        store = stores.open()
    for span in (Span.DAY, Span.WEEK):
        (point,) = store.points(WEB, span, NOON + 60)
        assert (point.answered, point.missed) == (3, 3)
        assert point.low == near(0.1)
        assert point.mean == near(0.2)
        assert point.high == near(0.3)


def test_latencies_that_come_later_are_taken_into_a_roll_up_without_any(store: Store) -> None:
    for latency in (None, 0.2, None, 0.1):
        write(store, pong(WEB, latency=latency))
        store.roll()
    (point,) = store.points(WEB, Span.DAY, NOON)
    assert (point.low, point.high) == (0.1, 0.2)
    assert point.mean == near(0.15)
    assert point.answered == 4


def test_what_comes_late_is_counted_when_it_was_received(store: Store) -> None:
    write(store, pong(WEB, NOON))
    store.roll()
    write(store, pong(WEB, NOON - 7200))
    store.roll()
    assert [point.at for point in store.points(WEB, Span.WEEK, NOON)] == [NOON - 7200, NOON]


def test_a_long_backlog_is_rolled_up_completely(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton_ping_monitor.store.rollup.AT_ONCE", 10)
    store.write(
        Batch(
            observations=tuple(pong(WEB, NOON + each / 100) for each in range(95)),
            missed=tuple(Missed(NOON, WEB) for _ in range(25)),
        )
    )
    store.roll()
    (point,) = store.points(WEB, Span.DAY, NOON)
    assert (point.answered, point.missed) == (95, 25)


def test_a_chart_of_a_quarter_has_few_points(store: Store) -> None:
    every_hour = [pong(WEB, NOON - hour * 3600) for hour in range(91 * 24)]
    write(store, *every_hour)
    store.roll()
    assert 350 <= len(store.points(WEB, Span.QUARTER, NOON)) <= 400
    assert 160 <= len(store.points(WEB, Span.WEEK, NOON)) <= 200


def test_the_last_samples_are_there_for_the_start(store: Store) -> None:
    store.write(
        Batch(
            observations=(
                pong(WEB, NOON, latency=0.1),
                failure(WEB, NOON + 1, latency=0.7),
                pong(WEB, NOON + 20, latency=0.2),
                pong(DB, NOON, latency=0.3),
                pong("quiet.example.org", kind="facts"),
            ),
            missed=(Missed(NOON + 10, WEB),),
        )
    )
    names = [WEB, DB, "quiet.example.org", "nobody.example.org"]
    assert store.recent(names) == {WEB: (0.1, None, 0.2), DB: (0.3,)}
    assert store.recent(names, 2) == {WEB: (None, 0.2), DB: (0.3,)}
    assert store.recent([]) == {}
