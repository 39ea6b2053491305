"""What the store keeps, as values.

Times are in seconds since the epoch, durations in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from baton_ping_monitor.observation import Observation


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """What is known of a server beyond a restart."""

    fqdn: str
    environment: str = ""
    app_names: tuple[str, ...] = ()
    first_seen: float | None = None
    last_seen: float | None = None
    last_pong: float | None = None
    state: str = ""
    since: float | None = None
    is_expected: bool = False
    is_retired: bool = False
    maintenance_until: float | None = None
    facts: Mapping[str, Any] | None = field(default=None, hash=False)
    facts_at: float | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """A server's state changed, or somebody changed it (``by``)."""

    at: float
    fqdn: str
    before: str
    after: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Missed:
    """A ping that a server let pass."""

    at: float
    fqdn: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written in one transaction: all of it or nothing."""

    observations: tuple[Observation, ...] = ()
    missed: tuple[Missed, ...] = ()
    servers: tuple[ServerRecord, ...] = ()
    transitions: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """An output as it was kept; ``id`` grows with each."""

    id: int
    observation: Observation


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events: of a kind, a server, an extension, with a text in the summary (None: any);
    after an id or before one."""

    kind: str | None = None
    fqdn: str | None = None
    extension: str | None = None
    text: str | None = None
    after: int | None = None
    before: int | None = None


class Span(StrEnum):
    """How much of the past a chart shows."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    QUARTER = "90d"


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured of a server in the ``width`` seconds from ``at`` on: pings that it
    answered, with the shortest, mean and longest latency (None if none was known), those that it
    let pass, and errors. A raw sample has the width 0."""

    at: float
    width: float
    answered: int
    missed: int
    errors: int
    low: float | None
    mean: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A "ping now", or another run that is kept: its account as the documented JSON document
    (docs/collecting-replies.md), with the replies, and who asked for it."""

    id: str
    sent: float
    by: str
    targets: tuple[str, ...]
    document: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """Somebody who is logged in: the digest of the token that their browser has, never the token
    itself, who they are, and until when it holds."""

    digest: str = field(repr=False)
    user: str
    role: str
    expires: float


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """An alert that was sent to a ``destination`` (without secrets), about an incident or, for a
    test, none; ``trouble`` says why it did not get there."""

    at: float
    incident: str
    title: str
    destination: str
    trouble: str = ""
