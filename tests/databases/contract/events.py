"""Events are found, whatever is asked for."""

from dataclasses import replace
from typing import Any

import pytest

from baton_ping_monitor.store.records import (
    EventFilter,
)
from baton_ping_monitor.store.store import Store
from databases.stores import DAY, DB, WEB, Stores, failure, messages, pong, write


def test_events_come_the_latest_first_or_from_one_on(store: Store) -> None:
    write(store, *(pong(message_id=str(number)) for number in range(10)))
    newest = store.events(EventFilter(), 3)
    assert [event.observation.message_id for event in newest] == ["9", "8", "7"]
    assert messages(store, 3, before=newest[-1].id) == ["6", "5", "4"]
    assert messages(store, 2, after=newest[-1].id) == ["8", "9"]
    assert messages(store, after=newest[0].id) == []
    assert messages(store, after=newest[2].id, before=newest[0].id) == ["8"]


@pytest.mark.parametrize(
    "which", [{"fqdn": "a\0b"}, {"kind": "a\0b"}, {"extension": "a\0b"}, {"text": "a\0b"}]
)
def test_what_no_database_keeps_is_found_as_it_was_kept(
    store: Store, which: dict[str, Any]
) -> None:
    said = replace(pong("a\0b", message_id="x"), kind="a\0b", extension="a\0b", summary="a\0b")
    write(store, pong(), said)
    assert messages(store, **which) == ["x"]


def test_ids_grow_even_if_everything_was_deleted(stores: Stores) -> None:
    store = stores.open()
    write(store, pong(message_id="a"))
    first = store.events(EventFilter(), 1)[0].id
    store.roll()
    stores.now += 30 * DAY
    store.prune()
    assert messages(store) == []
    write(store, pong(message_id="b"))
    assert store.events(EventFilter(), 1)[0].id > first


@pytest.fixture
def mixed(store: Store) -> Store:
    """Rare outputs long ago, and then many that are all alike."""
    write(
        store,
        pong(DB, message_id="facts", kind="facts", summary="facts: 100% of_them"),
        failure(WEB, message_id="error 1"),
        replace(pong(WEB, message_id="foo"), extension="baton-foo"),
        failure(DB, message_id="error 2"),
        pong(WEB, message_id="other", summary="another Pong"),
    )
    many = [(WEB, "w", number) for number in range(30)] + [
        (DB, "d", number) for number in range(30)
    ]
    many.sort(key=lambda each: each[2])
    write(store, *(pong(fqdn, message_id=f"{name}{number}") for fqdn, name, number in many))
    return store


@pytest.mark.parametrize(
    ("which", "found"),
    [
        ({"kind": "error"}, ["error 2", "error 1"]),
        ({"kind": "error", "fqdn": WEB}, ["error 1"]),
        ({"kind": "facts", "fqdn": WEB}, []),
        ({"extension": "baton-foo"}, ["foo"]),
        ({"extension": "baton-foo", "kind": "error"}, []),
        ({"fqdn": "nobody.example.org"}, []),
        ({"text": "no DISK"}, ["error 2", "error 1"]),
        ({"text": "100%"}, ["facts"]),
        ({"text": "0% of_"}, ["facts"]),
        ({"text": "1__%"}, []),
        ({"text": "ANOTHER"}, ["other"]),
        ({"kind": "pong", "fqdn": DB}, [f"d{number}" for number in reversed(range(30))]),
    ],
)
def test_events_are_filtered(which: dict[str, Any], found: list[str], mixed: Store) -> None:
    assert messages(mixed, **which) == found


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 500])
@pytest.mark.parametrize("kind", ["pong", "error"])
def test_filtered_events_are_those_of_all_that_pass(kind: str, limit: int, mixed: Store) -> None:
    every = [each for each in mixed.events(EventFilter(), 500) if each.observation.kind == kind]
    assert mixed.events(EventFilter(kind=kind), limit) == every[:limit]
    middle = every[len(every) // 2].id
    older = [each for each in every if each.id < middle]
    assert mixed.events(EventFilter(kind=kind, before=middle), limit) == older[:limit]
    newer = [each for each in reversed(every) if each.id > middle]
    assert mixed.events(EventFilter(kind=kind, after=middle), limit) == newer[:limit]


def test_replies_are_those_of_one_command_in_order(store: Store) -> None:
    write(
        store,
        pong(WEB, message_id="1", correlation_id="ping 1"),
        pong(DB, message_id="2", correlation_id="ping 2"),
        pong(DB, message_id="3", correlation_id="ping 1"),
    )
    answered = store.replies("ping 1")
    assert [each.observation.message_id for each in answered] == ["1", "3"]
    assert store.replies("\0") == []
