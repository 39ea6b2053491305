"""The state of the fleet: what is known of each server, from what it said.

It has no clock and does no input or output: each method is told what time it is, in seconds since
the epoch. Its memory is bounded, whatever arrives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from baton_ping_monitor.fleet.answers import Answers
from baton_ping_monitor.fleet.changes import Changes, Journal
from baton_ping_monitor.fleet.incidents import Incidents
from baton_ping_monitor.fleet.limits import Limits
from baton_ping_monitor.fleet.recent import Recent
from baton_ping_monitor.fleet.record import Record
from baton_ping_monitor.fleet.roster import Roster
from baton_ping_monitor.fleet.showing import Showing
from baton_ping_monitor.fleet.view import Blindness, FleetView, Incident, ServerView, State
from baton_ping_monitor.observation import MALFORMED, Observation
from baton_ping_monitor.store.records import Transition

if TYPE_CHECKING:
    from baton_ping_monitor.store.records import ServerRecord

_KEPT_EVERY: Final = 60.0
"""Seconds after which it is kept again when a server was heard last."""
_BEHIND: Final = 60.0
"""Seconds at most by which what arrives is looked at later than what was judged without it."""
_ASLEEP: Final = 5.0
"""Seconds without a tick after which this process itself was held up, not the servers silent."""


class FleetState:
    """What each server said last, and how it is.

    :meth:`observe` takes every output. Who pings tells :meth:`ping_sent`, too: then it is known how
    long a pong took, and who does not answer. :meth:`tick` is called about once a second.
    What is to be kept is handed over by :meth:`take_changes`.
    """

    def __init__(self, limits: Limits | None = None, *, pings_by_itself: bool = False) -> None:
        self.limits = limits or Limits()
        self.blindness: Blindness | None = None
        self._pings_by_itself = pings_by_itself
        self._roster = Roster(self.limits.servers)
        self._servers = self._roster.records
        self._answers = Answers(self._roster.index, self.limits)
        self._rounds = self._answers.rounds
        self._outputs: Recent[None] = Recent(self.limits.outputs)
        self._incidents = Incidents()
        self._journal = Journal()
        self._counts: Counter[str] = Counter()
        self._showing = Showing(self.limits)
        self._stale: set[str] = set()
        """Environments whose incidents have to be looked at."""
        self._sighted = 0.0
        self._ticked: float | None = None
        self._last_output: float | None = None

    def restore(
        self,
        servers: Iterable[ServerRecord],
        latencies: Mapping[str, Sequence[float | None]] | None = None,
        incidents: Iterable[Incident] = (),
        flaps: Iterable[Transition] = (),
    ) -> None:
        """What was known before a restart: the servers, their last latencies, the incidents, and
        the transitions of the last day. Whoever was missing is missing until it is heard."""
        for kept in servers:
            if kept.last_seen is None and not kept.is_expected:
                continue  # it was forgotten, it never came
            self._add(Record.restored(kept, (latencies or {}).get(kept.fqdn, ()), self.limits))
        self._incidents.restore(incidents)
        # What ended them may have been kept, and that they ended not.
        self._stale.update(each.environment for each in self._incidents.open)
        for each in sorted(flaps, key=lambda it: it.at):
            if each.after == State.MISSING and each.fqdn in self._servers:
                self._servers[each.fqdn].flaps.append(each.at)

    def expect(self, names: Mapping[str, str], now: float) -> None:
        """These servers, each with its environment or ``""``, should be there; those that were
        expected and are not among them are not expected any more."""
        for fqdn, record in list(self._servers.items()):
            if record.is_expected and fqdn not in names:
                record.is_expected = False
                self._keep(record)
                if record.seen is None:
                    self._forget(record, now)
        for fqdn, environment in names.items():
            record = self._servers.get(fqdn) or Record(fqdn, environment, since=now)
            if record.is_expected and (record.seen or record.environment == environment):
                continue
            if fqdn not in self._servers:
                if not self._has_room(now):
                    continue
                self._add(record)
            elif record.seen is None:
                self._move(record, environment, record.app_names, now)
            record.is_expected = True
            self._keep(record)

    def ping_sent(self, pings: Mapping[str, str | None], now: float) -> None:
        """Pings went out together at *now*: the id of each by its target, None where nobody
        listens. Answers may have been observed before. A ping of which it is not known whether
        it went out is none."""
        self._counts["pings"] += 1
        self._answers.sent(pings, now)
        self._showing.changed()

    def observe(self, seen: Observation) -> Observation:
        """An output arrived; returns it with its latency, if that is known. What was observed
        before, and came again, is not counted."""
        self._last_output = max(seen.received, self._last_output or 0.0)
        self._rounds.alive(seen.received)
        self._showing.changed()
        if seen.kind == MALFORMED or not seen.fqdn:
            self._counts["malformed"] += 1
            return seen
        if seen.message_id and not self._outputs.add(seen.message_id, None):
            return seen
        record = self._find(seen)
        if record is None:
            return seen
        record.shown = None
        record.silent = 0
        record.instances.heard(seen.instance, seen.received)
        if seen.kind == "pong":
            seen = self._pong(record, seen)
        elif seen.kind == "error":
            self._error(record, seen)
        elif seen.facts is not None:
            record.facts_at = seen.received
            self._journal.facts(record, seen.facts)
        if record.state is not State.UP:
            self._judge(record, seen.received)
        if seen.received - record.kept > _KEPT_EVERY:
            self._keep(record)
            record.kept = seen.received
        return seen

    def maintain(self, fqdns: Iterable[str], until: float | None, by: str, now: float) -> int:
        """Put servers in maintenance *until* a time, or end it (None); how many are known."""
        known = [self._servers[fqdn] for fqdn in fqdns if fqdn in self._servers]
        for record in known:
            record.maintenance_until = until if until is not None and until > now else None
            self._judge(record, now, by)
            self._keep(record)
        self._look(now)
        return len(known)

    def retire(self, fqdns: Iterable[str], by: str, now: float, *, retired: bool = True) -> int:
        """Retire servers, or take that back; how many of them are known."""
        known = [self._servers[fqdn] for fqdn in fqdns if fqdn in self._servers]
        for record in known:
            record.is_retired = retired
            if not retired:
                record.silent = 0
            self._judge(record, now, by)
            self._keep(record)
        self._look(now)
        return len(known)

    def blind(self, reason: str, now: float) -> None:
        """From *now* on nothing is heard, and nobody is called silent for that."""
        since = now if self.blindness is None else self.blindness.since
        self.blindness = Blindness(since, reason)
        self._rounds.drop()
        self._showing.changed()

    def sighted(self, now: float) -> None:
        """What is said is heard, from *now* on."""
        self.blindness = None
        self._sighted = now
        self._rounds.drop()
        self._showing.changed()

    def alive(self, now: float) -> None:
        """The broker gave a sign of life."""
        self._rounds.alive(now)

    def tick(self, now: float) -> None:
        """Judge what time changes: who let a ping pass, who is quiet, whose maintenance ended."""
        if self._ticked is None or not 0 <= now - self._ticked <= _ASLEEP:
            self._rounds.drop()
            self._sighted = now
        if self._ticked is None or now < self._ticked:
            self._set_back(now)
        self._ticked = now
        if self.blindness is not None:
            return
        for judged in self._rounds.due(now):
            for record in self._answers.judge(judged):
                self._journal.missed(record.fqdn, judged.sent)
            self._stale.update(self._incidents.unsettled)
            self._showing.changed()
        for record in self._servers.values():
            state = record.judge(now, self._sighted, self.limits)
            if state is not record.state:
                self._become(record, state, now)
        self._look(now)

    @property
    def revision(self) -> int:
        """Grows with each change of what is to be seen."""
        return self._showing.revision

    def view(self, now: float) -> FleetView:
        """How everything is at *now*."""
        return self._showing.view(
            self._servers,
            FleetView(
                now,
                incidents=self._incidents.open,
                blindness=self.blindness,
                last_output=self._last_output,
                pings_by_itself=self._pings_by_itself,
                pings=self._counts["pings"],
                pongs=self._counts["pongs"],
                errors=self._counts["errors"],
                malformed=self._counts["malformed"],
                forgotten=self._counts["forgotten"],
            ),
        )

    def server(self, fqdn: str, now: float) -> ServerView | None:
        """How one server is at *now*."""
        record = self._servers.get(fqdn)
        return None if record is None else record.view(now, self.limits)

    def reached(self, targets: Iterable[str]) -> frozenset[str]:
        """The servers that *targets* reach and that should answer: not those that are retired or
        in maintenance."""
        return self._roster.reached(targets)

    def due_for_facts(self, now: float, every: float, most: int) -> list[str]:
        """At most so many servers that should be asked for their facts *now*: those that answer,
        and have not told them for *every* seconds. They are held to be asked."""
        return self._roster.due_for_facts(now, every, most)

    def take_changes(self) -> Changes:
        """What is to be kept, and was not taken before."""
        return self._journal.take()

    def _pong(self, record: Record, seen: Observation) -> Observation:
        self._counts["pongs"] += 1
        record.pongs += 1
        record.good += 1
        record.pong = seen.received
        return replace(seen, latency=self._answers.note(record, seen))

    def _error(self, record: Record, seen: Observation) -> None:
        self._counts["errors"] += 1
        record.errors += 1
        record.good = 0
        record.error_at = seen.received
        record.last_error = seen.error
        self._answers.note(record, seen)

    def _find(self, seen: Observation) -> Record | None:
        """The record of whoever said that; None if there is no room for another."""
        record = self._servers.get(seen.fqdn)
        if record is None:
            if not self._has_room(seen.received):
                return None
            record = Record(seen.fqdn, seen.environment, seen.app_names, since=seen.received)
            record.kept = seen.received
            self._add(record)
            self._keep(record)
        if record.seen is None:
            record.first_seen = seen.received
        is_new = record.seen is None
        record.seen = max(seen.received, record.seen or 0.0)
        correlates = record.correlates or seen.correlation_id is not None
        if (
            is_new
            or correlates is not record.correlates
            or record.environment != seen.environment
            or record.app_names != seen.app_names
        ):
            record.correlates = correlates
            self._move(record, seen.environment, seen.app_names, seen.received)
        return record

    def _add(self, record: Record) -> None:
        self._roster.add(record)
        self._showing.reordered()

    def _move(
        self, record: Record, environment: str, app_names: tuple[str, ...], now: float
    ) -> None:
        """A server is in another environment than before, or runs something else."""
        if environment != record.environment:
            self._stale |= {environment, record.environment}
            for incident in self._incidents.moved(record.fqdn, now):
                self._journal.incident(incident)
        self._roster.move(record, environment, app_names)
        self._keep(record)
        self._showing.reordered()

    def _forget(self, record: Record, now: float) -> None:
        self._roster.forget(record)
        self._stale.add(record.environment)
        for incident in self._incidents.moved(record.fqdn, now):
            self._journal.incident(incident)
        self._showing.reordered()

    def _has_room(self, now: float) -> bool:
        """Whether there is room for one server more, if need be in place of others."""
        gone = self._roster.to_forget(now)
        if gone is None:
            self._counts["forgotten"] += 1
            return False
        for record in gone:
            self._counts["forgotten"] += 1
            self._forget(record, now)
        return True

    def _set_back(self, now: float) -> None:
        """The clock was set back to *now*, or was wrong when something was kept: what seems to be
        in the future would count until then, and nobody would be missed."""
        self._roster.set_back(now)
        self._rounds.set_back(now)
        if self._last_output is not None:
            self._last_output = min(self._last_output, now)

    def _judge(self, record: Record, now: float, by: str = "") -> None:
        state = record.judge(now, self._sighted, self.limits)
        if state is not record.state or by:
            self._become(record, state, now, by)

    def _become(self, record: Record, state: State, now: float, by: str = "") -> None:
        before, record.state, record.shown = record.state, state, None
        self._showing.reordered()
        self._stale.add(record.environment)
        if before is not state:
            # What arrived before the last tick is looked at after it, when there is much to do.
            if record.since is not None and 0 < record.since - now < _BEHIND:
                now = record.since
            record.since = now
            self._journal.transition(Transition(now, record.fqdn, before, state, by))
            self._keep(record)
            if state is State.MISSING:
                record.flaps.append(now)

    def _keep(self, record: Record) -> None:
        record.shown = None
        self._journal.server(record)
        self._showing.changed()

    def _look(self, now: float) -> None:
        """Look at the environments whose servers changed: what began, what ended?"""
        for name in self._stale:
            members = self._roster.index.environments.get(name, {})
            for incident in self._incidents.look(name, members, now, self._rounds):
                self._journal.incident(incident)
                self._showing.reordered()
        self._stale.clear()
