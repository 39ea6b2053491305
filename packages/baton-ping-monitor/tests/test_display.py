"""Where a fleet is shown, if that is no terminal. test_demo has the terminal."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from baton_ping_monitor.fleet.state import FleetState
from baton_ping_monitor.terminal.display import LineDisplay, make_display

if TYPE_CHECKING:
    from conftest import Say


class Screen:
    """A LineDisplay, and what it printed since it was last asked, without the time of day."""

    def __init__(self) -> None:
        self._file = io.StringIO()
        self.display = LineDisplay(Console(file=self._file, width=80, highlight=False))

    def news(self) -> list[str]:
        text = self._file.getvalue()
        self._file.seek(0)
        self._file.truncate()
        return [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in text.splitlines()]


@pytest.fixture
def screen() -> Screen:
    return Screen()


def test_a_line_for_each_change(screen: Screen, say: Say) -> None:
    fleet = FleetState()
    screen.display.start("What is shown, " * 10)
    assert screen.news() == ["What is shown, " * 10]
    fleet.sent("p1", "*", 0.0)
    fleet.record(say("web01", answers="p1"), 0.012)
    screen.display.show(fleet.view(0.5), 0.5, ["Connected"])
    assert screen.news() == ["Connected", "● up       web01  production shop  a pong in 12 ms"]
    screen.display.show(fleet.view(1.0), 1.0, ["Connected"])
    assert screen.news() == []
    fleet.record(say("web01", "error", error_message="no space " * 20), 1.0)
    fleet.record(say("web02", "error"), 1.0)
    screen.display.show(fleet.view(1.5), 1.5)
    assert screen.news() == [
        "▲ failing  web01  production shop  " + " ".join(["no space"] * 20),
        "▲ failing  web02  production shop  an error without words",
    ]


def test_a_line_says_why(screen: Screen, say: Say) -> None:
    fleet = FleetState()
    fleet.record(say("web01", answers="p0"), 0.0)
    fleet.record(say("web02", "info"), 0.0)
    for _ in range(4):
        fleet.sent(None, "web01", 1.0)
    screen.display.show(fleet.view(70.0), 70.0)
    assert screen.news() == [
        "✖ missing  web01  production shop  the last pong 70 s ago",
        "○ quiet    web02  production shop  never a pong",
    ]


def test_a_summary_every_few_seconds(screen: Screen, say: Say) -> None:
    fleet = FleetState()
    fleet.record(say("web01"), 0.0)
    for now in (0.0, 4.9):
        screen.display.show(fleet.view(now), now)
    assert len(screen.news()) == 1
    for now in (5.0, 5.5, 9.9, 10.0):
        screen.display.show(fleet.view(now), now)
    assert screen.news() == ["baton-ping: 1 server  ● 1 up"] * 2


def test_the_table_is_the_last_word(screen: Screen, say: Say) -> None:
    fleet = FleetState()
    screen.display.stop(fleet.view(0.0))
    screen.display.stop(None)
    assert screen.news() == []
    fleet.record(say("web01"), 0.0)
    screen.display.stop(fleet.view(0.0))
    assert screen.news()[1] == "baton-ping: 1 server  ● 1 up"


def test_a_log_is_no_terminal_even_where_colour_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert isinstance(make_display(), LineDisplay)
