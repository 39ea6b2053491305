"""Incidents: a server that is missing is one, and so is an environment that fell silent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from baton_ping_monitor.fleet.view import Incident, State

if TYPE_CHECKING:
    from baton_ping_monitor.fleet.record import Record
    from baton_ping_monitor.fleet.rounds import Rounds

_SILENCE: Final = (State.MISSING, State.LATE)
_COUNTED: Final = (*_SILENCE, State.QUIET, State.UP)
_LEAST: Final = 2
"""Servers that an environment has at least to fall silent as a whole."""


class Incidents:
    """Keeps the incidents that are open.

    When all servers of an environment are missing, that is one incident. So while everybody in it
    is late or missing, no server's own begins: the next ping tells which of both it is. When the
    first comes back, the others have one more round of pings to do so.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[bool, str], Incident] = {}
        self._subjects: dict[str, dict[str, None]] = {}
        """By environment, the servers of which one is open."""
        self._returning: dict[str, int] = {}
        """Environments whose first server came back, and the number of the last round by then."""

    @property
    def open(self) -> tuple[Incident, ...]:
        """Those that have not ended, the latest first."""
        return tuple(sorted(self._open.values(), key=lambda each: -each.began))

    def restore(self, incidents: Iterable[Incident]) -> None:
        """Those that were open when the monitor ended."""
        for each in incidents:
            if each.ended is None:
                self._note(each)

    def is_silent(self, environment: str) -> bool:
        """Whether all of it fell silent."""
        return (True, environment) in self._open

    @property
    def unsettled(self) -> frozenset[str]:
        """Environments that have to be looked at again when a round was judged."""
        return frozenset(self._returning)

    def look(
        self, name: str, members: Mapping[str, Record], now: float, rounds: Rounds
    ) -> list[Incident]:
        """Look at an environment whose servers changed; those that began, grew or ended."""
        missing = [each for each in members.values() if each.state is State.MISSING]
        changed = list(self._look_at_all(name, members, missing, now, rounds))
        covered = self._open.get((True, name))
        names = {each.fqdn for each in missing}
        recovered = [
            self._open[False, each] for each in self._subjects.get(name, ()) if each not in names
        ]
        changed += [self._end(each, now) for each in recovered]
        if covered is None and not self._may_be_all(name, members):
            changed += [
                self._begin(server.fqdn, name, (server.fqdn,), now)
                for server in missing
                if (False, server.fqdn) not in self._open
            ]
        return changed

    def moved(self, fqdn: str, now: float) -> list[Incident]:
        """A server changed its environment, or is forgotten: its incident ends."""
        incident = self._open.get((False, fqdn))
        return [] if incident is None else [self._end(incident, now)]

    def _look_at_all(
        self,
        name: str,
        members: Mapping[str, Record],
        missing: list[Record],
        now: float,
        rounds: Rounds,
    ) -> Iterable[Incident]:
        counted = sum(each.state in _COUNTED for each in members.values())
        is_all = bool(name) and len(missing) == counted >= _LEAST
        incident = self._open.get((True, name))
        if incident is None:
            if is_all:
                servers = tuple(sorted(each.fqdn for each in missing))
                yield self._begin(name, name, servers, now, is_environment=True)
        elif is_all:
            self._returning.pop(name, None)
            if len(grown := {*incident.servers, *(each.fqdn for each in missing)}) > len(
                incident.servers
            ):
                incident = replace(incident, servers=tuple(sorted(grown)))
                self._open[True, name] = incident
                yield incident
        elif not missing or self._returning.setdefault(name, rounds.begun) < rounds.judged:
            self._returning.pop(name, None)
            yield self._end(incident, now)

    def _may_be_all(self, name: str, members: Mapping[str, Record]) -> bool:
        """Whether all of it may be about to be missing."""
        counted = [each.state for each in members.values() if each.state in _COUNTED]
        return bool(name) and len(counted) >= _LEAST and all(each in _SILENCE for each in counted)

    def _begin(
        self,
        subject: str,
        environment: str,
        servers: tuple[str, ...],
        now: float,
        *,
        is_environment: bool = False,
    ) -> Incident:
        text = f"{is_environment} {subject} {now!r}"
        name = hashlib.blake2s(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
        incident = Incident(name, subject, is_environment, environment, servers, now)
        self._note(incident)
        return incident

    def _note(self, incident: Incident) -> None:
        self._open[incident.is_environment, incident.subject] = incident
        if not incident.is_environment:
            self._subjects.setdefault(incident.environment, {})[incident.subject] = None

    def _end(self, incident: Incident, now: float) -> Incident:
        self._open.pop((incident.is_environment, incident.subject), None)
        subjects = self._subjects.get(incident.environment, {})
        if not incident.is_environment and subjects:
            subjects.pop(incident.subject, None)
            if not subjects:
                del self._subjects[incident.environment]
        return replace(incident, ended=now)
