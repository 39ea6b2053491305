"""What is old is deleted."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from baton_ping_monitor.fleet.view import Incident
from baton_ping_monitor.store.records import (
    AlertRecord,
    Batch,
    EventFilter,
    Missed,
    RunRecord,
    ServerRecord,
    Span,
    Transition,
)
from databases.stores import DAY, DB, NOON, WEB, Stores, messages, pong, write


def test_outputs_are_deleted_by_age_and_their_roll_ups_later(stores: Stores) -> None:
    store = stores.open(outputs=DAY, minutes=7 * DAY, hours=90 * DAY)
    store.write(
        Batch(
            observations=(pong(WEB, message_id="old"),),
            missed=(Missed(NOON, WEB),),
            transitions=(Transition(NOON, WEB, "", "up"),),
        )
    )
    store.write_incident(Incident("ended", WEB, False, "", (WEB,), NOON, NOON + 1))
    store.write_incident(Incident("open", WEB, False, "", (WEB,), NOON))
    store.write_alert(AlertRecord(NOON, "", "", ""))
    store.roll()
    stores.now = NOON + DAY / 2
    write(store, pong(WEB, stores.now, message_id="new"))
    store.roll()

    def left() -> tuple[int, int, int, int, int]:
        store.prune()
        now = stores.now
        return (
            len(store.events(EventFilter(), 10)),
            sum(point.answered for point in store.points(WEB, Span.DAY, NOON)),
            sum(point.answered for point in store.points(WEB, Span.QUARTER, now)),
            len(store.transitions(None, 0, 10)),
            len(store.incidents(10)) + len(store.alerts(10)),
        )

    assert left() == (2, 1, 2, 1, 3)
    stores.now = NOON + DAY + 1
    assert left() == (1, 1, 2, 1, 3)
    assert messages(store) == ["new"]
    stores.now = NOON + 7 * DAY + 61
    assert left() == (0, 0, 2, 1, 3)
    stores.now = NOON + 90 * DAY + 3600
    assert left() == (0, 0, 1, 0, 1)
    assert [each.id for each in store.incidents(10)] == ["open"]


def test_what_is_not_rolled_up_is_not_deleted(stores: Stores) -> None:
    store = stores.open(outputs=DAY)
    store.write(Batch(observations=(pong(WEB),), missed=(Missed(NOON, WEB),)))
    stores.now += 2 * DAY
    store.prune()
    store.roll()
    (point,) = store.points(WEB, Span.WEEK, stores.now)
    assert (point.answered, point.missed) == (1, 1)
    store.prune()
    assert messages(store) == []


def test_outputs_are_deleted_by_number(stores: Stores) -> None:
    store = stores.open(most_outputs=3)
    write(store, *(pong(message_id=str(number)) for number in range(10)))
    store.roll()
    store.prune()
    assert messages(store) == ["9", "8", "7"]


def test_runs_are_deleted_by_number(stores: Stores) -> None:
    store = stores.open(most_runs=2)
    for number in range(4):
        store.write_run(RunRecord(str(number), NOON + number, "", (), {}))
    store.prune()
    assert [run.id for run in store.runs(10)] == ["3", "2"]


def test_what_is_from_a_wrong_future_does_not_stay_for_ever(stores: Stores) -> None:
    store = stores.open(outputs=DAY)
    write(store, pong(WEB, NOON + 1000 * DAY, message_id="wrong"), pong(WEB, message_id="right"))
    store.roll()
    store.prune()
    assert messages(store) == ["right"]


def test_names_and_contents_go_with_the_last_that_has_them(stores: Stores) -> None:
    store = stores.open(hours=90 * DAY)
    gone = ServerRecord("gone.example.org", last_seen=NOON)
    expected = ServerRecord("expected.example.org", is_expected=True)
    retired = ServerRecord("retired.example.org", last_seen=NOON, is_retired=True)
    store.write(Batch(observations=(pong(WEB), pong(DB)), servers=(gone, expected, retired)))
    store.write(Batch(servers=(replace(gone, facts={"a": 1}, facts_at=NOON),)))
    store.roll()
    before = [record.fqdn for record in store.servers()]
    stores.now += 30 * DAY
    store.prune()
    assert [record.fqdn for record in store.servers()] == before
    stores.now += 100 * DAY
    store.prune()
    assert [record.fqdn for record in store.servers()] == ["expected.example.org"]
    # Their numbers are not taken for right any more.
    write(store, pong(WEB, stores.now, message_id="again"), pong("gone.example.org", stores.now))
    assert messages(store, fqdn=WEB) == ["again"]
    assert len(store.events(EventFilter(), 10)) == 2


def test_a_great_deal_is_deleted_in_pieces(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baton_ping_monitor.store.retention.AT_ONCE", 7)
    monkeypatch.setattr("baton_ping_monitor.store.retention.SERVERS", 2)
    store = stores.open()
    fqdns = [f"web{number:02}.example.org" for number in range(25)]
    store.write(
        Batch(
            observations=tuple(pong(fqdn, NOON + each) for fqdn in fqdns for each in range(5)),
            missed=tuple(Missed(NOON, fqdn) for fqdn in fqdns),
            transitions=tuple(Transition(NOON, fqdn, "", "up") for fqdn in fqdns),
            servers=tuple(ServerRecord(fqdn, last_seen=NOON) for fqdn in fqdns),
        )
    )
    store.roll()
    stores.now += 365 * DAY
    store.prune()
    assert messages(store) == []
    assert store.transitions(None, 0, 100) == []
    assert store.servers() == []
    for span in Span:
        assert not store.points(fqdns[0], span, NOON)


def test_what_is_written_meanwhile_waits_for_a_piece_only(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton_ping_monitor.store.retention.AT_ONCE", 5)
    store = stores.open()
    write(store, *(pong(WEB, message_id=f"old {number}") for number in range(600)))
    store.roll()
    stores.now += 30 * DAY
    pruning = _in_thread(store.prune)
    for number in range(10):
        write(store, pong(WEB, stores.now, message_id=f"new {number}"))
    left = len(messages(store, 3_000))
    pruning()
    # Ten turns were had before all that was old, more than a hundred turns, had gone.
    assert left > 10
    assert len(messages(store, 3_000)) == 10


def _in_thread(work: Callable[[], None]) -> Callable[[], None]:
    """Begin *work* in a thread; what returned is to wait for its end."""
    thread = threading.Thread(target=work)
    thread.start()
    return thread.join


def test_bodies_that_all_differ_do_not_fill_the_disk(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton_ping_monitor.store.retention.MOST_BYTES", 1_000_000)
    store = stores.open()
    for number in range(40):
        write(store, pong(WEB, message_id=f"{number}", body=f"{number:02}" * 25_000))
    store.roll()
    store.prune()
    assert messages(store) == [f"{number}" for number in range(39, 19, -1)]
    store.prune()
    assert len(messages(store)) == 20
