"""What the command line of ``baton-ping-monitor`` takes, and which of it goes together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, Final

import click

from baton.cli.options import LEVELS, broker_options, log_format_option
from baton.cli.process import ProcessOptions, process_options

PROGRAM: Final = "baton-ping-monitor"


class Mode(Enum):
    """What the program does; the value is the option that asks for it."""

    DASHBOARD = "the dashboard"
    TABLE = "--table"
    PLAIN = "--plain"
    DEMO = "--demo"
    HASH_PASSWORD = "--hash-password"  # noqa: S105
    NEW_TOKEN = "--new-token"  # noqa: S105


_WATCHING: Final = (Mode.DASHBOARD, Mode.TABLE, Mode.PLAIN)
_SHOWING: Final = (Mode.DASHBOARD, Mode.DEMO)
_LINES: Final = (Mode.HASH_PASSWORD, Mode.NEW_TOKEN)
_GOES_WITH: Final[dict[str, tuple[Mode, ...]]] = {
    "host": _SHOWING,
    "port": _SHOWING,
    "prefix": _SHOWING,
    "users_file": _SHOWING,
    "database": (Mode.DASHBOARD,),
    "inventory": (Mode.DASHBOARD,),
    "extension": (Mode.DASHBOARD,),
    "alert": (Mode.DASHBOARD,),
    "alerts_dry_run": (Mode.DASHBOARD,),
    "ping_every": (Mode.DASHBOARD, Mode.TABLE),
    "target": (Mode.DASHBOARD, Mode.TABLE),
    "instance": _WATCHING,
    "config": _WATCHING,
    "url": _WATCHING,
    "seconds": (Mode.DEMO,),
    "user": _LINES,
    "role": _LINES,
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; None, or an empty tuple, for what it does not say."""

    mode: Mode
    process: ProcessOptions
    log_format: str
    log_level: str | None = None
    config: Path | None = None
    url: str | None = None
    host: str | None = None
    port: int | None = None
    prefix: str | None = None
    users_file: Path | None = None
    database: str | None = None
    instance: str | None = None
    extension: tuple[str, ...] = ()
    inventory: Path | None = None
    ping_every: str | None = None
    target: tuple[str, ...] = ()
    alert: tuple[str, ...] = ()
    alerts_dry_run: bool = False
    seconds: float | None = None
    user: str | None = None
    role: str | None = None

    @classmethod
    def of(cls, given: dict[str, Any]) -> Options:
        """The options as click gives them. Raises UsageError for those that do not go together."""
        modes = [mode for mode in Mode if given.pop(mode.value.strip("-").replace("-", "_"), False)]
        if len(modes) > 1:
            flags = " and ".join(mode.value for mode in modes[:2])
            raise click.UsageError(f"{flags} exclude each other")
        options = cls(mode=modes[0] if modes else Mode.DASHBOARD, **given)
        options._check()
        return options

    @property
    def keys(self) -> dict[str, Any]:
        """The keys of the configuration that it sets, those of the broker's aside."""
        return {
            "dashboard_host": self.host,
            "dashboard_port": self.port,
            "dashboard_prefix": self.prefix,
            "dashboard_users_file": self.users_file,
            "database": self.database,
            "instance": self.instance,
            "extensions": self.extension or None,
            "inventory": self.inventory,
            "ping_every": self.ping_every,
            "ping_targets": self.target or None,
            "alerts": self.alert or None,
            "alerts_dry_run": self.alerts_dry_run or None,
        }

    def _check(self) -> None:
        for each in fields(self):
            modes = _GOES_WITH.get(each.name)
            if modes is None or self.mode in modes or getattr(self, each.name) in (None, (), False):
                continue
            flag = f"--{each.name.replace('_', '-')}"
            if self.mode is Mode.DASHBOARD:
                raise click.UsageError(f"{flag} goes with {_listed(modes)}")
            raise click.UsageError(f"{flag} does not go with {self.mode.value}")
        if self.process != ProcessOptions() and self.mode not in (Mode.DASHBOARD, Mode.PLAIN):
            if self.mode in _LINES:
                raise click.UsageError(f"{self.mode.value} prints a line, and ends")
            raise click.UsageError(f"{self.mode.value} stays in the foreground of a terminal")


def options_of_the_command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add every option; *function* is given them by name, see :meth:`Options.of`."""
    for add in reversed(_ALL):
        function = add(function)
    return function


def _listed(modes: tuple[Mode, ...]) -> str:
    return " and ".join(mode.value for mode in modes)


def _flag(name: str, text: str) -> Callable[..., Any]:
    return click.option(name, is_flag=True, help=text)


def _text(name: str, metavar: str, text: str, **more: Any) -> Callable[..., Any]:
    return click.option(name, metavar=metavar, help=text, **more)


def _file(name: str, text: str) -> Callable[..., Any]:
    return click.option(name, metavar="FILE", type=click.Path(path_type=Path), help=text)


_ALL: Final[tuple[Callable[..., Any], ...]] = (
    _text(
        "--host",
        "ADDRESS",
        "Where the dashboard answers. Others than this machine reach it only where somebody has "
        "to log in: see --users-file. [default: 127.0.0.1]",
    ),
    _text(
        "--port", "N", "Its port; 0 is any free one. [default: 8470]", type=click.IntRange(0, 65535)
    ),
    _text("--prefix", "PATH", "The path that a reverse proxy has it under, as /baton."),
    _file("--users-file", "Who may log in, a line each: --hash-password makes one."),
    _text(
        "--database",
        "URL",
        "Where history is kept: a URL of SQLAlchemy, as postgresql+psycopg://… One with a password "
        "belongs in DATABASE_FILE. [default: a SQLite file in the user's state directory]",
    ),
    _text(
        "--instance",
        "NAME",
        "What this monitor is called. What is said while an instance is away waits for it in the "
        "broker for a day; only one process may be the same instance. "
        "[default: this host's name; with --plain none, and nothing waits]",
    ),
    _text(
        "--ping-every",
        "SECONDS",
        "Ping the fleet, too. Otherwise it is shown who answers the pings of others, but not who "
        "should have answered, nor how long it took.",
    ),
    _text(
        "--target",
        "KEY",
        "Whom to ping: an environment, <app>.<environment>, or the name of a server. May be "
        "given several times. [default: every server]",
        multiple=True,
    ),
    _file("--inventory", "The servers that should be there: one a line."),
    _text(
        "--extension",
        "NAME",
        "Another extension whose outputs are shown. May be given several times.",
        multiple=True,
    ),
    _text(
        "--alert",
        "URL",
        "Whom to tell of incidents: a URL of Apprise, as mailto://… or slack://… May be given "
        "several times. One with a secret belongs in ALERTS_FILE.",
        multiple=True,
    ),
    _flag("--alerts-dry-run", "Log alerts, and send none."),
    _flag("--table", "Show a table of the fleet in the terminal instead."),
    _flag("--plain", "Log each output message instead."),
    _flag("--demo", "Show a simulated fleet in this process. Needs no broker."),
    click.option(
        "--seconds",
        type=click.FloatRange(min=0, min_open=True),
        metavar="N",
        help="End the demo by itself after N seconds.",
    ),
    _flag(
        "--hash-password",
        "Ask for a password, or read it from standard input, and print a line of the users file.",
    ),
    _flag("--new-token", "Print a token for scripts, and its line of the users file."),
    _text("--user", "NAME", "Whose line it is. [default: the user of this system]"),
    click.option(
        "--role",
        type=click.Choice(("viewer", "operator")),
        help="What they may do: look, or also ping, put servers in maintenance and retire them. "
        "[default: viewer]",
    ),
    broker_options(PROGRAM),
    process_options,
    click.option(
        "--log-level",
        type=click.Choice(LEVELS),
        help="What to log, to LOG_FILE or on standard error. [default: info; with --demo nothing]",
    ),
    log_format_option,
)
