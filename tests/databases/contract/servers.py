"""Servers, and their changes of state."""

from dataclasses import replace

from baton_ping_monitor.store.records import (
    Batch,
    ServerRecord,
    Transition,
)
from baton_ping_monitor.store.store import Store
from databases.stores import DAY, DB, NOON, WEB, Stores, pong, write


def test_a_server_is_kept_with_its_facts(stores: Stores) -> None:
    store = stores.open()
    record = ServerRecord(
        WEB,
        "production",
        ("shop",),
        first_seen=NOON - 100,
        last_seen=NOON,
        last_pong=NOON - 1,
        state="up",
        since=NOON - 50,
        is_expected=True,
        is_retired=False,
        maintenance_until=NOON + 60,
        facts={"platform": "debian\0", "cpus": 4, "nested": {"a": [1, None]}},
        facts_at=NOON - 10,
    )
    store.write(Batch(servers=(record,)))
    assert store.server(WEB) == record
    later = replace(record, state="missing", is_expected=False, facts=None, facts_at=None)
    store.write(Batch(servers=(record, later)))
    store.close()
    store = stores.open()
    # Facts stay until there are others, and are not read for all servers.
    assert store.server(WEB) == replace(later, facts=record.facts, facts_at=NOON - 10)
    assert store.servers() == [replace(later, facts_at=NOON - 10)]
    store.write(Batch(servers=(replace(later, facts={"cpus": 8}, facts_at=NOON),)))
    assert store.server(WEB) == replace(later, facts={"cpus": 8}, facts_at=NOON)


def test_a_server_that_only_said_something_is_no_record(store: Store) -> None:
    write(store, pong(WEB))
    assert store.servers() == []
    assert store.server(WEB) is None
    store.write(Batch(servers=(ServerRecord(WEB),)))
    assert store.servers() == [ServerRecord(WEB)]


def test_of_too_many_servers_the_expected_and_the_latest_are_given(store: Store) -> None:
    store.write(
        Batch(
            servers=(
                ServerRecord("old.example.org", last_seen=NOON - DAY),
                ServerRecord("never.example.org", is_expected=True),
                ServerRecord("new.example.org", last_seen=NOON),
                ServerRecord("unseen.example.org"),
            )
        )
    )
    names = [record.fqdn for record in store.servers(limit=3)]
    assert names == ["never.example.org", "new.example.org", "old.example.org"]


def test_transitions_come_the_latest_first(store: Store) -> None:
    changes = (
        Transition(NOON - 2, WEB, "up", "late"),
        Transition(NOON - 1, WEB, "late", "missing"),
        Transition(NOON, DB, "up", "in maintenance", by="alice"),
    )
    store.write(Batch(transitions=changes))
    assert store.transitions(None, 0, 10) == list(reversed(changes))
    assert store.transitions(WEB, 0, 10) == [changes[1], changes[0]]
    assert store.transitions(WEB, NOON - 1, 10) == [changes[1]]
    assert store.transitions(None, 0, 1) == [changes[2]]


def test_facts_stay_when_the_server_is_written_again_at_once(stores: Stores) -> None:
    store = stores.open()
    told = ServerRecord(WEB, "production", facts={"cpus": 4}, facts_at=NOON)
    store.write(Batch(servers=(told, ServerRecord(WEB, "staging"))))
    found = store.server(WEB)
    assert found is not None
    assert (found.environment, found.facts) == ("staging", {"cpus": 4})
