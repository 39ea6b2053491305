"""What is known of one server, and what state that makes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from baton.server import Server
from baton_ping_monitor.fleet.instances import Instances
from baton_ping_monitor.fleet.limits import DAY
from baton_ping_monitor.fleet.view import ServerView, State
from baton_ping_monitor.store.records import ServerRecord

if TYPE_CHECKING:
    from baton_ping_monitor.fleet.limits import Limits

SAMPLES: Final = 30
"""Latencies that are remembered of a server."""
_FLAPS: Final = 1_000
_STATES: Final = {state.value: state for state in State}


@dataclass(slots=True)
class Record:
    """What is known of a server. Times are in seconds since the epoch.

    ``keys`` are the targets that reach it, ``asked`` and ``answered`` are the numbers of the last
    round of pings that did, and that it answered. ``early`` is an answer to a ping of which is not
    known yet that it was sent.
    """

    fqdn: str
    environment: str = ""
    app_names: tuple[str, ...] = ()
    state: State = State.NEVER_SEEN
    since: float | None = None
    first_seen: float | None = None
    seen: float | None = None
    pong: float | None = None
    latency: float | None = None
    latencies: deque[float | None] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    silent: int = 0
    flaps: deque[float] = field(default_factory=lambda: deque(maxlen=_FLAPS))
    pongs: int = 0
    errors: int = 0
    good: int = 0
    last_error: str = ""
    error_at: float | None = None
    instances: Instances = field(default_factory=Instances)
    is_expected: bool = False
    is_retired: bool = False
    maintenance_until: float | None = None
    correlates: bool = False
    keys: tuple[str, ...] = ()
    asked: int = 0
    answered: int = 0
    early: tuple[str, float] | None = None
    facts_at: float | None = None
    facts_asked: float | None = None
    kept: float = 0.0
    shown: ServerView | None = None

    @classmethod
    def restored(
        cls, kept: ServerRecord, latencies: Iterable[float | None], limits: Limits
    ) -> Self:
        """What was kept of a server. One that was missing is missing until it is heard."""
        state = _STATES.get(kept.state, State.NEVER_SEEN)
        record = cls(
            fqdn=kept.fqdn,
            environment=kept.environment,
            app_names=kept.app_names,
            state=state,
            since=kept.since,
            first_seen=kept.first_seen,
            seen=kept.last_seen,
            pong=kept.last_pong,
            silent={State.MISSING: limits.silent, State.LATE: 1}.get(state, 0),
            is_expected=kept.is_expected,
            is_retired=kept.is_retired,
            maintenance_until=kept.maintenance_until,
            facts_at=kept.facts_at,
        )
        record.latencies.extend(latencies)
        # A Ruby Baton tells no facts, and nobody can know how long it took.
        record.correlates = (
            kept.last_seen is None
            or kept.facts_at is not None
            or any(each is not None for each in record.latencies)
        )
        record.latency = record.latencies[-1] if record.latencies else None
        return record

    def set_back(self, now: float) -> None:
        """The clock was set back to *now*: nothing can have happened after that."""
        if self.seen is not None and self.seen > now:
            self.seen = now
        if self.first_seen is not None and self.first_seen > now:
            self.first_seen = now
        if self.facts_at is not None and self.facts_at > now:
            self.facts_at = now
        if self.facts_asked is not None and self.facts_asked > now:
            self.facts_asked = now
        self.kept = min(self.kept, now)

    def judge(self, now: float, sighted: float, limits: Limits) -> State:
        """The state that it is in *now*; silence is counted from *sighted* on at the earliest."""
        if self.is_retired:
            return State.RETIRED
        if self.maintenance_until is not None and now < self.maintenance_until:
            return State.MAINTENANCE
        if self.seen is None:
            return State.NEVER_SEEN
        if self.silent:
            return State.MISSING if self.silent >= limits.silent else State.LATE
        if now - max(self.seen, sighted) > limits.quiet:
            return State.QUIET
        return State.UP

    def reached_by(self) -> tuple[str, ...]:
        """The targets that reach it. One that never says what it answers is a Ruby Baton, which
        listens on its environment alone; of one that was never seen it is hoped that it does not.
        """
        if self.seen is not None and not self.correlates:
            return (self.environment,)
        return Server(self.fqdn, self.environment, self.app_names).routing_keys

    def view(self, now: float, limits: Limits) -> ServerView:
        """It as it is shown; made anew only if something changed."""
        if self.shown is None:
            while self.flaps and self.flaps[0] < now - DAY:
                self.flaps.popleft()
            self.shown = ServerView(
                fqdn=self.fqdn,
                environment=self.environment,
                app_names=self.app_names,
                state=self.state,
                since=self.since,
                first_seen=self.first_seen,
                last_pong=self.pong,
                latency=self.latency,
                latencies=tuple(self.latencies),
                silent=self.silent,
                flaps=len(self.flaps),
                pongs=self.pongs,
                errors=self.errors,
                is_failing=self.errors > 0 and self.good < limits.recovered,
                last_error=self.last_error,
                error_at=self.error_at,
                instances=self.instances.count(now),
                is_expected=self.is_expected,
                maintenance_until=self.maintenance_until,
            )
        return self.shown

    def stored(self) -> ServerRecord:
        """What outlives a restart."""
        return ServerRecord(
            fqdn=self.fqdn,
            environment=self.environment,
            app_names=self.app_names,
            first_seen=self.first_seen,
            last_seen=self.seen,
            last_pong=self.pong,
            state=self.state.value,
            since=self.since,
            is_expected=self.is_expected,
            is_retired=self.is_retired,
            maintenance_until=self.maintenance_until,
        )
