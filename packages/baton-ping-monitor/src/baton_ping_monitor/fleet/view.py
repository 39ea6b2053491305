"""How the fleet is at one moment, as values: what every page, document and metric is made of.

Times are in seconds since the epoch, durations in seconds; None is "not known".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """How a server is, the worst first."""

    MISSING = "missing"
    """It let as many pings in a row pass as make a server missing."""
    NEVER_SEEN = "never seen"
    """It is expected, and has never said anything."""
    LATE = "late"
    """It let a ping pass, and has not answered since; not often enough to be missing."""
    QUIET = "quiet"
    """Nothing was heard of it for a while; whether it was pinged is not known."""
    UP = "up"
    """It answered."""
    MAINTENANCE = "in maintenance"
    """Somebody said that it may be silent, until an end."""
    RETIRED = "retired"
    """It is gone for good, and only its history is kept."""


@dataclass(frozen=True, slots=True)
class ServerView:
    """A server at one moment.

    ``latencies`` are those of its last pings, at most 30, the oldest first; None is a ping that it
    let pass. ``silent`` is how many pings in a row it let pass, ``flaps`` how often it went missing
    within a day, ``errors`` the error outputs since the monitor began. It ``is_failing`` while its
    last answers were errors. ``instances`` above 1 are several services of the same name.
    """

    fqdn: str
    environment: str
    app_names: tuple[str, ...]
    state: State
    since: float | None = None
    first_seen: float | None = None
    last_pong: float | None = None
    latency: float | None = None
    latencies: tuple[float | None, ...] = ()
    silent: int = 0
    flaps: int = 0
    pongs: int = 0
    errors: int = 0
    is_failing: bool = False
    last_error: str = ""
    error_at: float | None = None
    instances: int = 1
    is_expected: bool = False
    maintenance_until: float | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """An environment at one moment: how many of its servers are in each state that occurs, the
    worst first. ``is_silent`` says that all of it fell silent: one incident."""

    name: str
    counts: Mapping[State, int]
    is_silent: bool = False

    @property
    def total(self) -> int:
        """How many servers it has, without those retired."""
        return sum(number for state, number in self.counts.items() if state is not State.RETIRED)


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that somebody should know: from ``began`` on, until it ``ended``.

    ``subject`` is a server's fqdn, or with ``is_environment`` the name of an environment that fell
    silent as a whole; ``servers`` are those that it is about.
    """

    id: str
    subject: str
    is_environment: bool
    environment: str
    servers: tuple[str, ...]
    began: float
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Blindness:
    """The monitor itself sees nothing, since when and why. Then no server's state is changed."""

    since: float
    reason: str


@dataclass(frozen=True, slots=True)
class FleetView:
    """The fleet at one moment: its servers, trouble first, and totals since the monitor began.

    ``malformed`` counts what no server can have meant, ``forgotten`` what was said by, or known of,
    servers that there was no room for. ``revision`` grows with each change; ``pings_by_itself`` is
    false for a monitor that only listens, which cannot know who is missing.
    """

    now: float
    servers: tuple[ServerView, ...] = ()
    environments: tuple[EnvironmentView, ...] = ()
    incidents: tuple[Incident, ...] = ()
    blindness: Blindness | None = None
    last_output: float | None = None
    pings_by_itself: bool = False
    pings: int = 0
    pongs: int = 0
    errors: int = 0
    malformed: int = 0
    forgotten: int = 0
    revision: int = 0
    counts: Mapping[State, int] = field(default_factory=dict)
