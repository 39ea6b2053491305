"""What the views are given: the fleet, the store, and what can be asked of the collector.

The parts are protocols, so that pages, documents and metrics know what they use and nothing of how
it is made; ``dashboard`` makes the real ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from baton_ping_monitor.clock import Clock
    from baton_ping_monitor.fleet.view import FleetView, Incident, ServerView
    from baton_ping_monitor.settings import Settings
    from baton_ping_monitor.store.records import (
        Event,
        EventFilter,
        Point,
        RunRecord,
        ServerRecord,
        SessionRecord,
        Span,
        Transition,
    )
    from baton_ping_monitor.updates import Updates


class Fleet(Protocol):
    """The state of the fleet. Everything happens on the event loop and returns at once."""

    def view(self) -> FleetView:
        """How everything is now."""

    def server(self, fqdn: str) -> ServerView | None:
        """How one server is now, None for one that is not known."""

    def maintain(self, fqdns: Sequence[str], until: float | None, by: str) -> int:
        """Put servers in maintenance *until* a time, or end it (None); how many of them are known.
        *by* is who says so."""

    def retire(self, fqdns: Sequence[str], by: str, *, retired: bool = True) -> int:
        """Retire servers, or take that back; how many of them are known."""


class History(Protocol):
    """What was kept. Each method blocks for as long as the database takes: call it in a thread."""

    def server(self, fqdn: str) -> ServerRecord | None:
        """What is kept of a server, with its facts."""

    def points(self, fqdn: str, span: Span, now: float) -> Sequence[Point]:
        """The history of a server, the oldest first, in as few points as a chart can show."""

    def transitions(self, fqdn: str | None, since: float, limit: int) -> Sequence[Transition]:
        """The changes of state of a server, or of all, the latest first."""

    def events(self, which: EventFilter, limit: int) -> Sequence[Event]:
        """Outputs, the latest first; with ``after``, the oldest first."""

    def replies(self, message_id: str) -> Sequence[Event]:
        """The outputs that answer a command, in the order in which they came."""

    def runs(self, limit: int) -> Sequence[RunRecord]:
        """The runs that are kept, the latest first, without their replies."""

    def run(self, run_id: str) -> RunRecord | None:
        """One run, with its replies."""

    def incidents(self, limit: int) -> Sequence[Incident]:
        """Incidents, the latest first."""


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a "ping now" has come. ``document`` is its account so far or, when it is ``done``,
    in the end (docs/collecting-replies.md); ``trouble`` says why it could not be carried out."""

    id: str
    by: str
    targets: tuple[str, ...]
    answered: int
    expected: int | None
    elapsed: float
    timeout: float
    done: bool
    document: Mapping[str, Any]
    trouble: str = ""


class Pings(Protocol):
    """Pings that somebody asks for. Everything happens on the event loop."""

    async def begin(self, targets: Sequence[str], timeout: float, by: str) -> str:
        """Ping *targets* now, and return the run's id at once. Those servers of the fleet that the
        targets reach are expected. Raises InvalidMessage for targets that cannot be, and
        TooManyRuns when as many as may be are under way."""

    def progress(self, run_id: str) -> RunProgress | None:
        """How far it has come; None if it is not known here (any more): see :class:`History`."""


class Alerts(Protocol):
    """Telling people. Everything happens on the event loop."""

    @property
    def destinations(self) -> Sequence[str]:
        """Where alerts go, without secrets, as shown to people."""

    @property
    def is_dry(self) -> bool:
        """Whether alerts are only logged."""

    async def test(self, by: str) -> str:
        """Send a message to each destination; returns what went wrong, or ``""``."""


class Health(Protocol):
    """Whether the monitor does its work: it consumes, its last pulse was good, and what it sees is
    kept. Everything happens on the event loop."""

    @property
    def is_ready(self) -> bool:
        """Whether all of it is so."""

    @property
    def reason(self) -> str:
        """What is not so, for people; empty when it is ready."""

    @property
    def trouble(self) -> str:
        """Why the store cannot keep what is seen; empty when it can."""


class Sessions(Protocol):
    """Who is logged in. Each method blocks for as long as the database takes: call it in a
    thread."""

    def put_session(self, session: SessionRecord) -> None:
        """Keep *session* in place of what was kept under its digest."""

    def extend_session(self, digest: str, expires: float) -> None:
        """Have the session of this digest, if there is one still, expire then."""

    def session(self, digest: str) -> SessionRecord | None:
        """The session of this digest, None if there is none, or it has expired."""

    def delete_session(self, digest: str) -> None:
        """Forget the session of this digest."""


@dataclass(frozen=True, slots=True)
class Services:
    """All that a view may use."""

    settings: Settings
    fleet: Fleet
    history: History
    pings: Pings
    alerts: Alerts
    updates: Updates
    clock: Clock
    health: Health
    sessions: Sessions
