"""The state of the fleet: what is known of each server, from what it said.

It has no clock and does no input or output: each method is told what time it is, in seconds of any
clock that only goes forward. Its memory is bounded, whatever arrives.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from baton.server import Server
from baton.text import printable, shorten

if TYPE_CHECKING:
    from baton.message import Message

_FQDN_LIMIT: Final = 253
_NAME_LIMIT: Final = 64
_APPS_LIMIT: Final = 32


class Health(StrEnum):
    """How a server is, the worst first."""

    MISSING = "missing"
    """It was pinged several times and says nothing."""
    FAILING = "failing"
    """It answered with an error, and has not answered well often enough since."""
    SLOW = "slow"
    """Its last pong took long."""
    QUIET = "quiet"
    """Nothing was heard of it for a while; whether it was pinged is not known."""
    UP = "up"


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the lines are drawn. ``slow`` and ``quiet`` are in seconds, the others are numbers:
    of pings, of good answers, and of what is remembered."""

    slow: float = 0.5
    missing: int = 3
    recovered: int = 3
    quiet: float = 60.0
    servers: int = 10_000
    pings: int = 1_000
    outputs: int = 10_000


@dataclass(frozen=True, slots=True)
class ServerView:
    """A server as it is at one moment. Ages and ``latency`` are in seconds, None if not known."""

    fqdn: str
    environment: str
    app_names: tuple[str, ...]
    health: Health
    pong_age: float | None
    latency: float | None
    pongs: int
    errors: int
    last_error: str
    error_age: float | None


@dataclass(frozen=True, slots=True)
class FleetView:
    """The fleet as it is at one moment: its servers, trouble first, and totals.

    ``malformed`` counts what no server can have meant; ``forgotten`` the servers that were given
    up to make room for others.
    """

    servers: tuple[ServerView, ...] = ()
    pings: int = 0
    pongs: int = 0
    errors: int = 0
    malformed: int = 0
    forgotten: int = 0

    @property
    def counts(self) -> dict[Health, int]:
        """How many servers are in each state that occurs, the worst first."""
        found = Counter(server.health for server in self.servers)
        return {health: found[health] for health in Health if found[health]}


@dataclass(slots=True)
class _Record:
    identity: Server
    seen: float
    pong: float | None = None
    latency: float | None = None
    pongs: int = 0
    errors: int = 0
    last_error: str = ""
    error: float | None = None
    good_since_error: int = 0
    unanswered: int = 0
    answered: str | None = None


@dataclass(slots=True)
class _Recent:
    """The last few ids, each with a time."""

    limit: int
    times: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def add(self, key: str, time: float) -> bool:
        """Remember *key*; false if it was known."""
        if key in self.times:
            return False
        self.times[key] = time
        if len(self.times) > self.limit:
            self.times.popitem(last=False)
        return True


class FleetState:
    """What each server said last, and how it is.

    :meth:`record` takes every output. Who pings tells :meth:`sent`, too: then it is known how long
    a pong took, and who does not answer.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._servers: OrderedDict[str, _Record] = OrderedDict()
        self._pings = _Recent(self.limits.pings)
        self._outputs = _Recent(self.limits.outputs)
        self._counts: Counter[str] = Counter()

    def sent(self, message_id: str | None, target: str, now: float) -> None:
        """A ping went out to *target* at *now*; without a *message_id*, nobody listens there.
        Answers to it may have been recorded before."""
        self._counts["pings"] += 1
        if message_id is not None:
            self._pings.add(message_id, now)
        for record in self._servers.values():
            if message_id is not None and record.answered == message_id:
                if record.pong is not None:
                    record.latency = max(0.0, record.pong - now)
            elif target in _keys(record):
                record.unanswered += 1

    def record(self, message: Message, now: float) -> None:
        """An output arrived. What names no server is counted as malformed; what was recorded
        before, and came again, is not counted."""
        fqdn = message.get("fqdn")
        if not isinstance(fqdn, str) or not 1 <= len(fqdn) <= _FQDN_LIMIT:
            self.malformed()
            return
        if message.message_id and not self._outputs.add(message.message_id, now):
            return
        record = self._find(_identity(printable(fqdn), message), now)
        record.unanswered = 0
        match message.type:
            case "pong":
                record.answered = message.correlation_id
                self._pong(record, now)
            case "error":
                record.answered = message.correlation_id
                self._error(record, message, now)

    def malformed(self) -> None:
        """Something arrived that is no output of a server."""
        self._counts["malformed"] += 1

    def view(self, now: float) -> FleetView:
        """How everything is at *now*."""
        rank = {health: number for number, health in enumerate(Health)}
        servers = [self._view(record, now) for record in self._servers.values()]
        servers.sort(key=lambda it: (rank[it.health], it.environment, it.fqdn))
        return FleetView(tuple(servers), **self._counts)

    def _find(self, identity: Server, now: float) -> _Record:
        """The record of that server, as the most recent one."""
        record = self._servers.get(identity.fqdn)
        if record is None:
            record = self._servers[identity.fqdn] = _Record(identity, now)
            if len(self._servers) > self.limits.servers:
                self._servers.popitem(last=False)
                self._counts["forgotten"] += 1
        else:
            self._servers.move_to_end(identity.fqdn)
        record.identity = identity
        record.seen = now
        return record

    def _pong(self, record: _Record, now: float) -> None:
        self._counts["pongs"] += 1
        record.pongs += 1
        record.good_since_error += 1
        record.pong = now
        sent = self._pings.times.get(record.answered) if record.answered else None
        record.latency = max(0.0, now - sent) if sent is not None else None

    def _error(self, record: _Record, message: Message, now: float) -> None:
        self._counts["errors"] += 1
        record.errors += 1
        record.good_since_error = 0
        record.error = now
        kind, text = _text(message.get("error_class")), _text(message.get("error_message"))
        record.last_error = shorten(": ".join(filter(None, (kind, text))))

    def _view(self, record: _Record, now: float) -> ServerView:
        return ServerView(
            fqdn=record.identity.fqdn,
            environment=record.identity.environment,
            app_names=record.identity.app_names,
            health=self._health(record, now),
            pong_age=None if record.pong is None else now - record.pong,
            latency=record.latency,
            pongs=record.pongs,
            errors=record.errors,
            last_error=record.last_error,
            error_age=None if record.error is None else now - record.error,
        )

    def _health(self, record: _Record, now: float) -> Health:
        limits = self.limits
        if record.unanswered > limits.missing:  # the last of them may still be answered
            return Health.MISSING
        if record.errors and record.good_since_error < limits.recovered:
            return Health.FAILING
        if now - record.seen > limits.quiet:
            return Health.QUIET
        if record.latency is not None and record.latency > limits.slow:
            return Health.SLOW
        return Health.UP


def _keys(record: _Record) -> tuple[str, ...]:
    """The targets that reach a server. One that does not say what it answers is a Ruby Baton,
    which listens on its environment alone."""
    identity = record.identity
    return (identity.environment,) if record.answered is None else identity.routing_keys


def _identity(fqdn: str, message: Mapping[str, Any]) -> Server:
    apps = message.get("app_names")
    names = apps[:_APPS_LIMIT] if isinstance(apps, list) else ()
    return Server(
        fqdn=fqdn,
        environment=_text(message.get("environment"), _NAME_LIMIT),
        app_names=tuple(_text(name, _NAME_LIMIT) for name in names if isinstance(name, str)),
    )


def _text(value: object, limit: int = 200) -> str:
    if not isinstance(value, str):
        return ""
    return printable(" ".join(shorten(value, limit).split()))
