"""What the dashboard runs with: its own part of the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_PORT = 8470


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where the pages are. ``prefix`` is the path that a reverse proxy has them under, ``""`` or
    ``/`` and a name; ``users_file`` says who may log in, None: everybody may everything."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    prefix: str = ""
    users_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is kept: seconds of raw outputs, of minutes, and of hours; and how many
    outputs at most, whatever their age. Runs are kept by number, incidents as long as hours."""

    outputs: float = 86_400.0
    minutes: float = 7 * 86_400.0
    hours: float = 90 * 86_400.0
    most_outputs: int = 5_000_000
    most_runs: int = 500


@dataclass(frozen=True, slots=True)
class PingSettings:
    """Who is pinged, and when a server is missing. ``every`` is in seconds, None: the monitor
    only listens. A server is missing after ``silent`` pings in a row without an answer."""

    every: float | None = None
    targets: tuple[str, ...] = ("*",)
    silent: int = 3
    facts_every: float = 3600.0


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Where alerts go: URLs of Apprise, which may hold secrets. With ``dry_run`` they are only
    logged."""

    urls: tuple[str, ...] = field(default=(), repr=False)
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it. ``database`` is a SQLAlchemy URL, None: a file in the user's state directory.
    ``extensions`` are those whose outputs are shown; ``inventory`` is a file that names the
    servers that should be there."""

    web: WebSettings = field(default_factory=WebSettings)
    retention: Retention = field(default_factory=Retention)
    ping: PingSettings = field(default_factory=PingSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    database: str | None = field(default=None, repr=False)
    extensions: tuple[str, ...] = ("baton-ping",)
    inventory: Path | None = None
    instance: str | None = None
