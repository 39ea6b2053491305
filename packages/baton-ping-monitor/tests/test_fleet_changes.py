"""What changed and is not kept yet."""

from __future__ import annotations

from baton_ping_monitor.fleet.changes import Changes, Journal
from baton_ping_monitor.fleet.record import Record
from baton_ping_monitor.fleet.view import Incident
from baton_ping_monitor.store.records import Missed, ServerRecord, Transition


def test_what_is_taken_is_taken_once_and_as_it_is_then() -> None:
    journal = Journal()
    record = Record("web01")
    journal.server(record)
    record.environment = "production"
    journal.server(record)
    transition = Transition(1.0, "web01", "up", "late")
    journal.transition(transition)
    journal.missed("web01", 2.0)
    incident = Incident("1", "web01", False, "production", ("web01",), 3.0)
    journal.incident(incident)
    assert journal.take() == Changes(
        (ServerRecord("web01", "production", state="never seen"),),
        (transition,),
        (Missed(2.0, "web01"),),
        (incident,),
    )
    assert journal.take() == Changes()
