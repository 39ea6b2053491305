"""Outputs are kept once, whatever is in them."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import SQLAlchemyError

from baton_ping_monitor.observation import MALFORMED, Observation
from baton_ping_monitor.store.records import (
    Batch,
    EventFilter,
    Missed,
    ServerRecord,
    Transition,
)
from baton_ping_monitor.store.store import Store
from databases.stores import NOON, WEB, Stores, messages, pong, write


def test_an_output_is_kept_as_it_was(store: Store) -> None:
    said = Observation(
        NOON + 0.25,
        "baton-ping",
        "error",
        fqdn=WEB,
        environment="production",
        app_names=("shop", "mail"),
        summary="Brücke ☃ kaputt",
        body='{"type": "error", "text": "\\u0000 ☃"}',
        message_id="m1",
        correlation_id="c1",
        instance="i1",
        error="kaputt",
        latency=0.125,
    )
    assert write(store, said) == (True,)
    (event,) = store.events(EventFilter(), 10)
    assert event.observation == said


def test_what_is_not_known_stays_so(store: Store) -> None:
    said = Observation(NOON, "baton-ping", MALFORMED, summary="not JSON")
    assert write(store, said) == (True,)
    assert store.events(EventFilter(), 10)[0].observation == said
    assert store.servers() == []


def test_an_output_that_comes_again_is_dropped(stores: Stores) -> None:
    store = stores.open()
    assert write(store, pong(message_id="a"), pong(message_id="b")) == (True, True)
    assert write(store, pong(message_id="b"), pong(message_id="c"), pong(message_id="c")) == (
        False,
        True,
        False,
    )
    store.close()
    store = stores.open()
    assert write(store, pong(message_id="a")) == (False,)
    assert messages(store) == ["c", "b", "a"]


def test_outputs_without_an_id_are_all_kept(store: Store) -> None:
    assert write(store, pong(), pong()) == (True, True)
    assert messages(store) == [None, None]


def test_equal_contents_are_kept_once(store: Store) -> None:
    body = '{"type": "pong", "fill": "' + "x" * 60_000 + '"}'
    write(store, pong(body=body, message_id="first"))
    before = store.size()
    for number in range(20):
        write(store, *(pong(body=body, message_id=f"{number}.{each}") for each in range(50)))
    assert store.size() - before < 1_000_000
    assert {event.observation.body for event in store.events(EventFilter(), 2000)} == {body}


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        ({"summary": "a\0b"}, {"summary": "a\N{REPLACEMENT CHARACTER}b"}),
        ({"summary": "a\ud800b"}, {"summary": "a?b"}),
        ({"message_id": "\0" + "m" * 300}, {"message_id": "\N{REPLACEMENT CHARACTER}" + "m" * 254}),
        ({"correlation_id": "c" * 300}, {"correlation_id": "c" * 255}),
        ({"instance": "\0"}, {"instance": "\N{REPLACEMENT CHARACTER}"}),
        ({"fqdn": "f" * 300}, {"fqdn": "f" * 253}),
        ({"kind": "\ud800" * 2}, {"kind": "??"}),
        ({"latency": float("nan")}, {"latency": None}),
        ({"latency": float("inf")}, {"latency": None}),
    ],
)
def test_what_a_database_would_not_take_is_replaced(
    changed: dict[str, object], kept: dict[str, object], store: Store
) -> None:
    said = replace(pong(message_id="m"), **changed)  # type: ignore[arg-type]
    assert write(store, said) == (True,)
    assert store.events(EventFilter(), 1)[0].observation == replace(said, **kept)  # type: ignore[arg-type]
    if "message_id" in changed:
        assert write(store, said) == (False,)


def test_a_batch_is_written_as_a_whole_or_not_at_all(store: Store) -> None:
    wrong = Transition(NOON, WEB, "up", None)  # type: ignore[arg-type]
    with pytest.raises((SQLAlchemyError, TypeError)):
        store.write(Batch(observations=(pong(message_id="a"),), transitions=(wrong,)))
    assert messages(store) == []
    assert write(store, pong(message_id="a")) == (True,)  # also the numbers of names are right
    assert messages(store) == ["a"]


def test_a_batch_may_be_large(store: Store) -> None:
    fqdns = [f"web{number:05}.example.org" for number in range(2_000)]
    batch = Batch(
        observations=tuple(pong(fqdn, message_id=fqdn) for fqdn in fqdns),
        missed=tuple(Missed(NOON, fqdn) for fqdn in fqdns),
        servers=tuple(ServerRecord(fqdn, "production") for fqdn in fqdns),
        transitions=tuple(Transition(NOON, fqdn, "", "up") for fqdn in fqdns),
    )
    assert all(store.write(batch))
    assert len(store.servers()) == 2_000
    assert len(store.servers(limit=10)) == 10
    assert not any(store.write(Batch(observations=batch.observations)))
