"""What changed in a fleet and is not kept yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from baton_ping_monitor.store.records import Missed, ServerRecord, Transition

if TYPE_CHECKING:
    from baton_ping_monitor.fleet.record import Record
    from baton_ping_monitor.fleet.view import Incident

_MOST_FACTS: Final = 500
_MOST: Final = 200_000
"""Of each, while nothing can be kept: the oldest is lost first."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be kept: servers as they are now, and what happened, in order."""

    servers: tuple[ServerRecord, ...] = ()
    transitions: tuple[Transition, ...] = ()
    missed: tuple[Missed, ...] = ()
    incidents: tuple[Incident, ...] = ()


class Journal:
    """Collects what changed until somebody takes it."""

    def __init__(self) -> None:
        self._servers: dict[str, Record] = {}
        self._facts: dict[str, Mapping[str, Any]] = {}
        self._transitions: deque[Transition] = deque(maxlen=_MOST)
        self._missed: deque[Missed] = deque(maxlen=_MOST)
        self._incidents: deque[Incident] = deque(maxlen=_MOST)

    def server(self, record: Record) -> None:
        """What outlives a restart changed of a server."""
        self._servers[record.fqdn] = record

    def facts(self, record: Record, facts: Mapping[str, Any]) -> None:
        """A server told its facts. The latest count, and no more than a few are held here."""
        if len(self._facts) < _MOST_FACTS:
            self._facts[record.fqdn] = facts
            self.server(record)

    def transition(self, transition: Transition) -> None:
        """A server's state changed."""
        self._transitions.append(transition)

    def missed(self, fqdn: str, at: float) -> None:
        """A server let the ping of the time *at* pass."""
        self._missed.append(Missed(at, fqdn))

    def incident(self, incident: Incident) -> None:
        """One began, grew or ended."""
        self._incidents.append(incident)

    def take(self) -> Changes:
        """All of it; from then on it is somebody else's."""
        changes = Changes(
            tuple(self._stored(each) for each in self._servers.values()),
            tuple(self._transitions),
            tuple(self._missed),
            tuple(self._incidents),
        )
        for each in (self._servers, self._facts, self._transitions, self._missed, self._incidents):
            each.clear()
        return changes

    def _stored(self, record: Record) -> ServerRecord:
        facts = self._facts.get(record.fqdn)
        stored = record.stored()
        return stored if facts is None else replace(stored, facts=facts, facts_at=record.facts_at)
