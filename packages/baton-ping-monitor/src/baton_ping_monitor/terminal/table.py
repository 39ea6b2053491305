"""The fleet as a table in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from baton_ping_monitor.terminal.condition import (
    STYLES,
    Condition,
    condition,
    counts,
    in_order,
    shape,
)

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from baton_ping_monitor.fleet.view import FleetView, ServerView

_GAP: Final = 2
_SMALL_GAP: Final = 1
_ERRORS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what it shows of a server at a time, and what it does where there is little room.

    ``least`` is how far it may be shortened. Where that does not suffice, the column with the
    lowest ``rank`` is left out; one with none stays.
    """

    name: str
    cell: Callable[[ServerView, float], str]
    right: bool = False
    least: int | None = None
    rank: int | None = None


_COLUMNS: Final = (
    Column("server", lambda server, _: server.fqdn, least=16),
    Column("environment", lambda server, _: server.environment or "–", least=8, rank=3),
    Column("apps", lambda server, _: " ".join(server.app_names) or "–", least=6, rank=1),
    Column("state", lambda server, _: f"  {condition(server)}"),
    Column("last pong", lambda server, now: duration(age(server, now)), right=True, rank=5),
    Column("latency", lambda server, _: milliseconds(server.latency), right=True, rank=4),
    Column("pongs", lambda server, _: f"{server.pongs:,}", right=True, rank=2),
    Column("errors", lambda server, _: f"{server.errors:,}", right=True, rank=6),
)


@dataclass(frozen=True, slots=True)
class FleetTable:
    """What is shown of a fleet.

    *introduction* stands above where there is room for it, *notes* stand below. With *height*,
    it is no longer than that: the servers at the end, which are well, are left out and counted.
    """

    view: FleetView
    introduction: str = ""
    notes: tuple[str, ...] = ()
    height: int | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, plain = options.max_width, options.ascii_only
        above = [*Text(self.introduction).wrap(console, width), Text()] if self.introduction else []
        head = [title(self.view, plain=plain), Text()]
        below = [Text(), *self._below()]
        shown = servers = in_order(self.view.servers)
        if self.height is not None:
            room = self.height - len(head) - len(below) - 1
            if len(servers) > room - len(above):
                above = []
            if len(servers) > room:
                servers = servers[: max(1, room - 1)]
        yield from above
        yield from head
        if servers:
            yield _table(servers, self.view.now, width, plain)
        else:
            yield Text("No server was heard yet.")
        if len(servers) < len(shown):
            yield _rest(shown[len(servers) :])
        yield from below

    def _below(self) -> Iterable[Text]:
        errors = list(self._errors())
        if errors:
            yield from errors
            yield Text()
        yield _line(_totals(self.view), "dim")
        for note in self.notes:
            yield _line(note)

    def _errors(self) -> Iterable[Text]:
        """The last errors of servers that fail, the latest first."""
        failing = [each for each in self.view.servers if condition(each) is Condition.FAILING]
        failing.sort(key=lambda each: -(each.error_at or 0.0))
        for each in failing[:_ERRORS_SHOWN]:
            error = each.last_error or "an error without words"
            yield _line(f"{each.fqdn}: ").append(error, style=STYLES[Condition.FAILING])


def title(view: FleetView, *, plain: bool = False) -> Text:
    """How many servers there are, and how they are.

    >>> from baton_ping_monitor.fleet.view import FleetView
    >>> title(FleetView(now=0.0)).plain
    'baton-ping: no servers'
    """
    text = _line("baton-ping", "bold").append(f": {_number(len(view.servers), 'server')}")
    for each, count in counts(view.servers).items():
        text.append("  ")
        text.append(f"{shape(each, plain=plain)} {count:,} {each}", style=STYLES[each])
    return text


def age(server: ServerView, now: float) -> float | None:
    """Seconds since its last pong."""
    return None if server.last_pong is None else now - server.last_pong


def duration(seconds: float | None) -> str:
    """*seconds* in the unit that tells enough.

    >>> duration(0.4), duration(75), duration(7300), duration(200_000), duration(None)
    ('0 s', '75 s', '2 h', '2 d', '–')
    """
    if seconds is None:
        return "–"
    for unit, size, until in (("s", 1, 120), ("min", 60, 120 * 60), ("h", 3600, 48 * 3600)):
        if seconds < until:
            return f"{max(0, int(seconds // size))} {unit}"
    return f"{int(seconds // 86_400)} d"


def milliseconds(seconds: float | None) -> str:
    """*seconds* as milliseconds, or as seconds where there are many.

    >>> milliseconds(0.0123), milliseconds(12.34), milliseconds(None)
    ('12 ms', '12.3 s', '–')
    """
    if seconds is None:
        return "–"
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


def _table(servers: tuple[ServerView, ...], now: float, width: int, plain: bool) -> Table:
    columns, gap = fit(_COLUMNS, servers, now, width)
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    for column, size in columns:
        table.add_column(
            column.name,
            justify="right" if column.right else "left",
            width=size,
            no_wrap=True,
            overflow="ellipsis",
        )
    for server in servers:
        table.add_row(*(_cell(column, server, now, plain) for column, _ in columns))
    return table


def _cell(column: Column, server: ServerView, now: float, plain: bool) -> Text:
    how = condition(server)
    if column.name == "state":
        return Text(f"{shape(how, plain=plain)} {how}", style=STYLES[how])
    style = "dim" if how in (Condition.QUIET, Condition.RETIRED) else ""
    if column.name == "errors" and server.errors:
        style = "red"
    return Text(column.cell(server, now), style=style)


def fit(
    columns: Iterable[Column], servers: tuple[ServerView, ...], now: float, width: int
) -> tuple[list[tuple[Column, int]], int]:
    """The columns that there is room for in *width*, how wide each is, and the gap between two."""
    sizes = [(column, _natural(column, servers, now)) for column in columns]
    while True:
        total = sum(size for _, size in sizes)
        if total + _GAP * (len(sizes) - 1) <= width:
            return sizes, _GAP
        over = max(0, total + _SMALL_GAP * (len(sizes) - 1) - width)
        lowest = min((each.rank for each, _ in sizes if each.rank is not None), default=None)
        if sum(_give(column, size) for column, size in sizes) >= over:
            return list(_shortened(sizes, over)), _SMALL_GAP
        if lowest is None:
            (column, size), *others = sizes
            return [(column, max(1, size - over)), *others], _SMALL_GAP
        sizes = [(column, size) for column, size in sizes if column.rank != lowest]


def _shortened(sizes: list[tuple[Column, int]], over: int) -> Iterable[tuple[Column, int]]:
    """*sizes* with *over* less in all, taken from the least important columns first."""
    taken: dict[str, int] = {}
    for column, size in sorted(sizes, key=lambda each: each[0].rank or 99):
        taken[column.name] = min(over, _give(column, size))
        over -= taken[column.name]
    return ((column, size - taken[column.name]) for column, size in sizes)


def _natural(column: Column, servers: tuple[ServerView, ...], now: float) -> int:
    cells = (cell_len(column.cell(server, now)) for server in servers)
    return max(cell_len(column.name), *cells)


def _give(column: Column, size: int) -> int:
    return 0 if column.least is None else max(0, size - column.least)


def _line(text: str, style: str = "") -> Text:
    """A line that is cut where it is too long."""
    line = Text(no_wrap=True, overflow="ellipsis")
    return line.append(text, style=style)


def _rest(servers: tuple[ServerView, ...]) -> Text:
    states = ", ".join(f"{count:,} {how}" for how, count in counts(servers).items())
    return _line(f"and {len(servers):,} more: {states}", "dim")


def _totals(view: FleetView) -> str:
    counts = (
        (view.pings, "ping", bool(view.pings)),
        (view.pongs, "pong", True),
        (view.errors, "error", True),
        (view.malformed, "malformed output", bool(view.malformed)),
        (view.forgotten, "forgotten server", bool(view.forgotten)),
    )
    return ", ".join(_number(count, what) for count, what, shown in counts if shown)


def _number(count: int, what: str) -> str:
    return f"{f'{count:,}' if count else 'no'} {what}{'' if count == 1 else 's'}"
