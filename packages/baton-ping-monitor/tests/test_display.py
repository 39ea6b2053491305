"""Where a fleet is shown, if that is no terminal. test_demo has the terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from baton_ping_monitor.fleet.view import FleetView, ServerView, State
from baton_ping_monitor.terminal.display import LineDisplay, make_display

UP = ServerView("web01", "production", ("shop",), State.UP, last_pong=0.0, latency=0.012)
FAILING = ServerView(
    "web01", "production", ("shop",), State.UP, is_failing=True, last_error="no space " * 20
)


class Screen:
    """A LineDisplay, and what it printed since it was last asked, without the time of day."""

    def __init__(self) -> None:
        self._file = io.StringIO()
        self.display = LineDisplay(Console(file=self._file, width=80, highlight=False))

    def news(self) -> list[str]:
        text = self._file.getvalue()
        self._file.seek(0)
        self._file.truncate()
        return [re.sub(r"^\d\d:\d\d:\d\d  ", "", line).rstrip() for line in text.splitlines()]


@pytest.fixture
def screen() -> Screen:
    return Screen()


def test_a_line_for_each_change(screen: Screen) -> None:
    screen.display.start("What is shown, " * 10)
    assert screen.news() == [("What is shown, " * 10).rstrip()]
    screen.display.show(FleetView(0.5, (UP,)), ["Connected"])
    assert screen.news() == ["Connected", "● up       web01  production shop  a pong in 12 ms"]
    screen.display.show(FleetView(1.0, (UP,)), ["Connected"])
    assert screen.news() == []
    other = ServerView("web02", "", (), State.UP, is_failing=True)
    screen.display.show(FleetView(1.5, (FAILING, other)))
    assert screen.news() == [
        "▲ failing  web01  production shop  " + " ".join(["no space"] * 20),
        "▲ failing  web02    an error without words",
    ]


def test_a_line_says_why(screen: Screen) -> None:
    servers = (
        ServerView("web01", "production", (), State.MISSING, last_pong=0.0),
        ServerView("web02", "production", (), State.NEVER_SEEN),
        ServerView("web03", "production", (), State.LATE, last_pong=60.0),
        ServerView("web04", "production", (), State.QUIET),
        ServerView("web05", "production", (), State.UP),
    )
    screen.display.show(FleetView(70.0, servers))
    assert screen.news() == [
        "✖ missing  web01  production  the last pong 70 s ago",
        "◇ never seen  web02  production",
        "◐ late     web03  production  the last pong 10 s ago",
        "○ quiet    web04  production  never a pong",
        "● up       web05  production",
    ]


def test_a_summary_every_few_seconds(screen: Screen) -> None:
    for now in (0.0, 4.9):
        screen.display.show(FleetView(now, (UP,)))
    assert len(screen.news()) == 1
    for now in (5.0, 5.5, 9.9, 10.0):
        screen.display.show(FleetView(now, (UP,)))
    assert screen.news() == ["baton-ping: 1 server  ● 1 up"] * 2


def test_the_table_is_the_last_word(screen: Screen) -> None:
    screen.display.stop(FleetView(0.0))
    screen.display.stop(None)
    assert screen.news() == []
    screen.display.stop(FleetView(0.0, (UP,)))
    assert screen.news()[1] == "baton-ping: 1 server  ● 1 up"


def test_a_log_is_no_terminal_even_where_colour_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert isinstance(make_display(), LineDisplay)
