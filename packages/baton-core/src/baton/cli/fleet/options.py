"""Options of commands that ask a fleet, whatever that is: whom, how gently, and how it is shown."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import click

from baton.cli.options import FilePath, Seconds

if TYPE_CHECKING:
    from pathlib import Path

    from baton.fleet import Expected, Request

_INTERVAL: Final = 1.0
_WATCH_INTERVAL: Final = 2.0
_MOST_SERVERS: Final = 1_000_000
_LONGEST_SPLAY: Final = 3600.0
"""As in baton.splay, which is slow to import."""


class Style(enum.Enum):
    """What is printed on standard output."""

    TEXT = "text"
    JSON = "json"
    JSON_LINES = "jsonl"
    NAMES = "names"


class Servers(click.ParamType[str]):
    """A number of servers or a share of them: ``20`` or ``10%``."""

    name = "N|P%"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """*value* as it is, if it is an amount."""
        from baton.errors import InvalidMessage  # noqa: PLC0415
        from baton.fleet import Amount  # noqa: PLC0415

        try:
            Amount.parse(str(value))
        except InvalidMessage as error:
            self.fail(f"{error}.", param, ctx)
        return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """What the command line says. Times are in seconds; None is what was not given."""

    everyone: bool = False
    where: tuple[str, ...] = ()
    splay: float = 0.0
    expires: float | None = None
    expect: int | None = None
    expect_file: Path | None = None
    expect_from: str | None = None
    limit: str | None = None
    batch: str | None = None
    batch_wait: float | None = None
    max_failures: int | None = None
    timeout: float | None = None
    as_json: bool = False
    as_jsonl: bool = False
    as_names: bool = False
    graph: bool = False
    count: int | None = None
    interval: float | None = None
    watch: bool = False

    @property
    def style(self) -> Style:
        """What is printed on standard output."""
        if self.as_json:
            return Style.JSON
        if self.as_jsonl:
            return Style.JSON_LINES
        return Style.NAMES if self.as_names else Style.TEXT

    @property
    def pause(self) -> float:
        """Seconds from the start of a round to that of the next."""
        if self.interval is not None:
            return self.interval
        return _WATCH_INTERVAL if self.watch else _INTERVAL

    @property
    def rounds(self) -> int | None:
        """How often to ask; None: until it is ended."""
        return None if self.watch else self.count or 1

    @property
    def of_waiting(self) -> list[str]:
        """The options that were given and make no sense where nobody waits for replies."""
        given = [each.name for each in fields(self) if getattr(self, each.name) != each.default]
        return [_OPTIONS[name] for name in given if name not in _OF_PUBLISHING]

    def check(self) -> None:
        """Raise a UsageError for options that do not go together."""
        self._exclude("expect", "expect_file", "expect_from")
        self._exclude("as_json", "as_jsonl", "as_names", "watch")
        self._exclude("as_json", "as_names", "count", because="--jsonl is for several rounds")
        self._exclude("as_json", "as_jsonl", "as_names", "graph")
        self._exclude("count", "watch")
        self._exclude("batch", "count")
        self._exclude("batch", "watch")
        self._exclude("graph", "count")
        self._exclude("graph", "watch")
        self._need("batch_wait", "batch")
        self._need("max_failures", "batch")
        self._need("interval", "count", "watch")
        if self.where and self.expect_from is not None:
            raise click.UsageError(
                "--where and --expect-from exclude each other: the monitor knows servers that the "
                "filter does not concern, and these would seem to be missing"
            )

    def keys(self, targets: Sequence[str], what: str = "TARGET") -> tuple[str, ...]:
        """The routing keys to publish to. Raises a UsageError, which calls them *what*, unless
        there are *targets* or ``--all``."""
        from baton.server import EVERYONE  # noqa: PLC0415

        if self.everyone == bool(targets):
            raise click.UsageError(f"Name one {what} or more, or --all")
        return (EVERYONE,) if self.everyone else tuple(targets)

    def request(self, message: Mapping[str, Any], keys: tuple[str, ...]) -> Request:
        """What is asked. Raises InvalidMessage for what cannot be, ConfigurationError for a file of
        expected servers, and MonitorUnavailable if the monitor does not tell who is expected."""
        from baton.fleet import Amount, Batches, Request  # noqa: PLC0415

        batches = None
        if self.batch is not None:
            size = Amount.parse(self.batch)
            batches = Batches(size, self.batch_wait or 0.0, self.max_failures)
        return Request(
            message=message,
            targets=keys,
            expected=self._expected(keys),
            where=self.where,
            splay=self.splay,
            timeout=self.timeout,
            expires=self.expires,
            limit=None if self.limit is None else Amount.parse(self.limit),
            batches=batches,
        )

    def _expected(self, keys: tuple[str, ...]) -> Expected | None:
        from baton.fleet import Expected, expected_from, read_expected  # noqa: PLC0415

        if self.expect_file is not None:
            return read_expected(self.expect_file)
        if self.expect_from is not None:
            return expected_from(self.expect_from, keys)
        return None if self.expect is None else Expected(number=self.expect)

    def _given(self, *names: str) -> list[str]:
        values = {name: getattr(self, name) for name in names}
        return [
            _OPTIONS[name]
            for name, value in values.items()
            if value is not None and value is not False
        ]

    def _exclude(self, *names: str, because: str = "") -> None:
        # Once is what is done anyway: that goes with everything.
        given = self._given(*(each for each in names if each != "count" or self.count != 1))
        if len(given) > 1:
            reason = f": {because}" if because else ""
            raise click.UsageError(f"{' and '.join(given)} exclude each other{reason}")

    def _need(self, name: str, *others: str) -> None:
        if self._given(name) and not self._given(*others):
            needed = " or ".join(_OPTIONS[each] for each in others)
            raise click.UsageError(f"{_OPTIONS[name]} goes with {needed}")


_OPTIONS: Final = {
    "everyone": "--all",
    "as_json": "--json",
    "as_jsonl": "--jsonl",
    "as_names": "--names",
    **{
        each.name: "--" + each.name.replace("_", "-")
        for each in fields(FleetOptions)
        if each.name != "everyone" and not each.name.startswith("as_")
    },
}
_OF_PUBLISHING: Final = ("everyone", "where", "splay", "expires")


def fleet_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add these options; *function* is given them as one argument, ``fleet``, when they have been
    checked."""

    @functools.wraps(function)
    def with_fleet(**given: Any) -> Any:
        mine = {each.name: given.pop(each.name) for each in fields(FleetOptions)}
        fleet = FleetOptions(**mine)
        fleet.check()
        return function(fleet=fleet, **given)

    command: Callable[..., Any] = with_fleet
    for option in reversed(_DECLARATIONS):
        command = option(command)
    return command


_DECLARATIONS: Final = (
    click.option("--all", "everyone", is_flag=True, help="Ask every server."),
    click.option(
        "--where",
        multiple=True,
        metavar="COND",
        help="Only servers whose facts meet this, such as 'cpus>=8'; all of several.",
    ),
    click.option(
        "--splay",
        type=Seconds(zero=True, most=_LONGEST_SPLAY),
        default=0.0,
        metavar="S",
        help="Each server waits a random time up to S seconds before it starts.",
    ),
    click.option(
        "--expires",
        type=Seconds(),
        metavar="S",
        help="Seconds after which no server starts it any more. [default: the setting EXPIRES]",
    ),
    click.option(
        "--expect",
        type=click.IntRange(1, _MOST_SERVERS),
        metavar="N",
        help="So many servers have to answer.",
    ),
    click.option(
        "--expect-file",
        type=FilePath(),
        metavar="FILE",
        help="These have to answer: one name a line, or the JSON of another run.",
    ),
    click.option(
        "--expect-from",
        metavar="URL",
        help="Those have to answer that a monitor knows: its URL.",
    ),
    click.option(
        "--limit",
        type=Servers(),
        metavar="N|P%",
        help="Ask only so many of the servers known by name, at random.",
    ),
    click.option(
        "--batch",
        type=Servers(),
        metavar="N|P%",
        help="Ask the servers known by name in groups of so many.",
    ),
    click.option(
        "--batch-wait",
        type=Seconds(zero=True),
        metavar="S",
        help="Seconds between two groups. [default: 0]",
    ),
    click.option(
        "--max-failures",
        type=click.IntRange(0, _MOST_SERVERS),
        metavar="N",
        help="Ask no more groups when more than N servers have failed. [default: go on]",
    ),
    click.option(
        "--timeout",
        type=Seconds(),
        metavar="S",
        help="Seconds to wait for answers. "
        "[default: 2 s, 1 ms more for each expected server, and the splay]",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document, at the end."),
    click.option(
        "--jsonl",
        "as_jsonl",
        is_flag=True,
        help="Print a line of JSON for each reply, and one for the result.",
    ),
    click.option(
        "--names",
        "as_names",
        is_flag=True,
        help="Print only the names of those that have done it, a line each.",
    ),
    click.option("--graph", is_flag=True, help="Draw how the round-trip times are spread."),
    click.option(
        "--count",
        type=click.IntRange(1, 1_000_000),
        metavar="N",
        help="Ask N times: a line each time, and who was lost at the end.",
    ),
    click.option(
        "--interval",
        type=Seconds(),
        metavar="S",
        help="Seconds from one time to the next. [default: 1, with --watch 2]",
    ),
    click.option("--watch", is_flag=True, help="Ask again and again, on a screen of its own."),
)
