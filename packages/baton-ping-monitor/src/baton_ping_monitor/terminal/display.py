"""Where a fleet is shown: as a table that repaints itself, or as lines where that cannot be."""

from __future__ import annotations

import io
import sys
import time
from typing import TYPE_CHECKING, Final, Protocol

from rich.console import Console
from rich.live import Live

from baton_ping_monitor.fleet.view import FleetView, ServerView
from baton_ping_monitor.terminal.condition import Condition, condition, in_order, shape
from baton_ping_monitor.terminal.table import FleetTable, age, duration, milliseconds, title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

_REPAINTS: Final = 2
"""A second."""
_SUMMARY: Final = 5.0
"""Seconds between two summaries where there is no live table."""


class Display(Protocol):
    """Shows a fleet. ``repaints`` says that nothing else may be written to the terminal."""

    repaints: bool

    def start(self, introduction: str) -> None:
        """Begin, with a few words on what is to be seen."""

    def show(self, view: FleetView, notes: Sequence[str] = ()) -> None:
        """Show *view*; *notes* say what is not about one server."""

    def stop(self, view: FleetView | None) -> None:
        """Put the terminal back as it was, and leave *view* behind, as the last word."""


def make_display() -> Display:
    """The display that suits standard output."""
    console = make_console()
    # Rich takes a log for a terminal where FORCE_COLOR is set, as many CI systems do.
    if console.is_terminal and sys.stdout.isatty() and not console.is_dumb_terminal:
        return LiveDisplay(console)
    return LineDisplay(console)


def make_console() -> Console:
    """A console on standard output that prints what a server says as it is, as far as the
    terminal's encoding allows."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=False)


class LiveDisplay:
    """A table on a screen of its own, like ``top``. It paints in a thread: a terminal that takes
    nothing for a while must not hold up the monitor."""

    repaints = True

    def __init__(self, console: Console) -> None:
        self._console = console
        self._introduction = ""
        self._shown: tuple[FleetView, tuple[str, ...]] = (FleetView(now=0.0), ())
        self._live = Live(
            console=console,
            screen=True,
            refresh_per_second=_REPAINTS,
            get_renderable=self._render,
        )

    def start(self, introduction: str) -> None:
        """Open another screen; *introduction* is there, and stays on the normal one."""
        self._introduction = introduction
        self._console.print(introduction, end="\n\n")
        self._live.start()

    def show(self, view: FleetView, notes: Sequence[str] = ()) -> None:
        """Have *view* painted the next time."""
        self._shown = view, tuple(notes)

    def stop(self, view: FleetView | None) -> None:
        """Close the screen."""
        self._live.stop()
        if view is not None and view.servers:
            self._console.print(FleetTable(view))

    def _render(self) -> RenderableType:
        view, notes = self._shown
        return FleetTable(view, self._introduction, notes, self._console.height)


class LineDisplay:
    """A line for each change of a server's state, and a summary every few seconds: for a log."""

    repaints = False

    def __init__(self, console: Console) -> None:
        self._console = console
        self._known: dict[str, Condition] = {}
        self._notes: tuple[str, ...] = ()
        self._summary_at: float | None = None

    def start(self, introduction: str) -> None:
        """Print *introduction*."""
        self._line(introduction)

    def show(self, view: FleetView, notes: Sequence[str] = ()) -> None:
        """Print what changed."""
        clock = time.strftime("%H:%M:%S")
        for note in notes:
            if note not in self._notes:
                self._line(f"{clock}  {note}")
        self._notes = tuple(notes)
        known = {server.fqdn: condition(server) for server in view.servers}
        for server in in_order(view.servers):
            if self._known.get(server.fqdn) is not known[server.fqdn]:
                self._line(f"{clock}  {self._describe(server, view.now)}")
        self._known = known
        if self._summary_at is None:
            self._summary_at = view.now + _SUMMARY
        elif view.now >= self._summary_at:
            self._summary_at = view.now + _SUMMARY
            self._line(f"{clock}  {self._title(view)}")

    def stop(self, view: FleetView | None) -> None:
        """Print the table as it is at the end."""
        if view is not None and view.servers:
            self._line("")
            self._console.print(FleetTable(view))

    def _describe(self, server: ServerView, now: float) -> str:
        how = condition(server)
        sign = shape(how, plain=self._console.options.ascii_only)
        where = " ".join(filter(None, (server.environment, *server.app_names)))
        return f"{sign} {how:<7}  {server.fqdn}  {where}  {_why(server, how, now)}".rstrip()

    def _title(self, view: FleetView) -> str:
        return title(view, plain=self._console.options.ascii_only).plain

    def _line(self, text: str) -> None:
        # Not wrapped: a log's lines are as long as they are.
        self._console.print(text, soft_wrap=True)
        self._console.file.flush()


def _why(server: ServerView, how: Condition, now: float) -> str:
    """What tells that a server is as it is."""
    match how:
        case Condition.FAILING:
            return server.last_error or "an error without words"
        case Condition.MISSING | Condition.LATE | Condition.QUIET:
            since = age(server, now)
            return "never a pong" if since is None else f"the last pong {duration(since)} ago"
        case Condition.UP if server.latency is not None:
            return f"a pong in {milliseconds(server.latency)}"
        case _:
            return ""
