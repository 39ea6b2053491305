"""Incidents, runs, alerts and sessions."""

from dataclasses import replace

from baton_ping_monitor.fleet.view import Incident
from baton_ping_monitor.store.records import (
    AlertRecord,
    RunRecord,
    SessionRecord,
)
from baton_ping_monitor.store.store import Store
from databases.stores import DB, NOON, WEB, Stores


def test_an_incident_is_kept_until_its_end(store: Store) -> None:
    first = Incident("i1", WEB, False, "production", (WEB,), NOON)
    second = Incident("i2", "staging", True, "staging", (WEB, DB), NOON + 1)
    store.write_incident(first)
    store.write_incident(second)
    ended = replace(first, ended=NOON + 5)
    store.write_incident(ended)
    assert store.incidents(10) == [second, ended]
    assert store.incidents(1) == [second]
    store.write_incident(replace(first, id="still open", began=first.began - 99))
    store.write_incident(replace(second, ended=second.began + 1))
    assert [each.id for each in store.open_incidents(1)] == ["still open"]


def test_a_run_is_kept_with_its_replies(store: Store) -> None:
    document = {"schema": 1, "id": "r1", "answered": 1, "replies": [{"fqdn": WEB}]}
    run = RunRecord("r1", NOON, "alice", ("production", "*"), document)
    store.write_run(run)
    without = RunRecord("r2", NOON + 1, "bob", ("*",), {"schema": 1, "text": "\0"})
    store.write_run(without)
    assert store.run("r1") == run
    assert store.run("r1").document == document  # type: ignore[union-attr]
    assert store.run("r2").document == without.document  # type: ignore[union-attr]
    assert store.run("r3") is None
    first, second = store.runs(10)
    assert (first.id, second.id) == ("r2", "r1")
    assert second.document == {"schema": 1, "id": "r1", "answered": 1}
    store.write_run(replace(run, document={**document, "answered": 2}))
    assert store.run("r1").document["answered"] == 2  # type: ignore[union-attr]
    assert [each.id for each in store.runs(1)] == ["r2"]


def test_alerts_are_noted(store: Store) -> None:
    sent = AlertRecord(NOON, "i1", "web01 is missing", "mailto://ops")
    failed = AlertRecord(NOON + 1, "", "A test", "slack://…", "refused")
    store.write_alert(sent)
    store.write_alert(failed)
    assert store.alerts(10) == [failed, sent]
    assert store.alerts(1) == [failed]


def test_a_session_holds_until_it_expires_or_is_deleted(stores: Stores) -> None:
    store = stores.open()
    session = SessionRecord("d1", "alice", "operator", NOON + 60)
    store.put_session(session)
    store.put_session(SessionRecord("d2", "alice", "operator", NOON + 60))
    store.put_session(SessionRecord("d3", "bob", "viewer", NOON + 60))
    assert store.session("d1") == session
    assert store.session("nothing") is None
    assert store.session("\0") is None
    store.extend_session("d1", NOON + 120)
    store.extend_session("nothing", NOON + 120)
    assert store.session("nothing") is None
    stores.now += 60
    assert store.session("d3") is None
    assert store.session("d1") == replace(session, expires=NOON + 120)
    store.delete_session("d1")
    assert store.session("d1") is None
    stores.now -= 60
    assert store.delete_sessions("alice") == 1
    assert store.session("d2") is None
    assert store.session("d3") is not None
    stores.now += 61
    store.prune()
    stores.now -= 61
    assert store.session("d3") is None


def test_an_incident_may_begin_and_end_in_one_transaction(store: Store) -> None:
    began = Incident("i1", WEB, False, "production", (WEB,), NOON)
    store.write_incident(began, replace(began, ended=NOON + 5))
    assert store.incidents(10) == [replace(began, ended=NOON + 5)]
    assert store.open_incidents(10) == []


def test_when_people_were_told_of_an_incident_last(store: Store) -> None:
    store.write_incident(*(Incident(each, WEB, False, "", (WEB,), NOON) for each in "abc"))
    sent = [("a", NOON), ("b", NOON + 1), ("a", NOON + 2), ("", NOON + 3)]
    store.write_alert(*(AlertRecord(at, each, "", "") for each, at in sent))
    assert [each.id for each in store.incidents(10)] == ["a", "b", "c"]
    assert len(store.alerts(10)) == 4
    assert store.told(10) == {"a": NOON + 2, "b": NOON + 1}
    assert store.told(1) == {"a": NOON + 2}
