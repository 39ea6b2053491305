"""The line below what a command prints."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from typing import Any

import pytest

from baton.cli.fleet.progress import Progress, progress_line
from baton.cli.terminal import Terminal, cells

Screens = Callable[..., Any]


class Clock:
    """The time, as a test has it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def text(*arguments: Any) -> str:
    return "".join(span.text for span in progress_line(*arguments))


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ((0, 50, 0.1, 2.0), f"0/50 answered {'░' * 24} 0.1 of 2.0 s"),
        ((25, 50, 0.1, 2.0), f"25/50 answered {'█' * 12}{'░' * 12} 0.1 of 2.0 s"),
        ((25, 50, 0.1, 2.0, 36), f"25/50 answered {'█' * 4}{'░' * 4} 0.1 of 2.0 s"),
        ((25, 50, 0.1, 2.0, 9), "25/50 answered  0.1 of 2.0 s"),
        ((60, 50, 0.1, 2.0, 99), f"60/50 answered {'█' * 24} 0.1 of 2.0 s"),
        ((1000, None, 1.0, 2.0), f"1,000 answered {'█' * 12}{'░' * 12} 1.0 of 2.0 s"),
        ((0, None, 9.0, 2.0), f"0 answered {'█' * 24} 9.0 of 2.0 s"),
        ((1, 2, 0.1, 2.0, 34, False), "1/2 answered ####.... 0.1 of 2.0 s"),
    ],
)
def test_the_line(arguments: tuple[Any, ...], shown: str) -> None:
    assert text(*arguments) == shown


def test_it_is_no_wider_than_the_terminal_and_is_removed(screen: Screens, clock: Clock) -> None:
    with redirect_stderr(screen()) as shown:
        progress = Progress(Terminal(err=True))
        clock.now = 1.0
        progress.show(1, 2, 1.0, 2.0)
        progress.clear()
    erase = "\r\x1b[K"
    assert shown.shown.count(erase) == 2
    assert shown.shown.endswith(erase)
    line = re.sub(r"\x1b\[\d*[mK]|\r", "", shown.shown)
    assert cells(line) == 19


def test_what_ends_soon_needs_none(screen: Screens, clock: Clock) -> None:
    with redirect_stderr(screen()) as shown:
        progress = Progress(Terminal(err=True))
        clock.now = 0.2
        progress.show(1, 2, 0.2, 2.0)
        progress.clear()
    assert shown.shown == ""


def test_it_is_not_repainted_all_the_time(screen: Screens, clock: Clock) -> None:
    with redirect_stderr(screen()) as shown:
        progress = Progress(Terminal(err=True))
        for now in (1.0, 1.01, 1.02, 1.06):
            clock.now = now
            progress.show(1, 2, now, 2.0)
    assert shown.shown.count("\r") == 2


@pytest.mark.parametrize("reason", ["a pipe", "dumb", "disabled"])
def test_it_is_only_where_it_can_be_repainted(
    screen: Screens, clock: Clock, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    shown = screen()
    if reason == "a pipe":
        monkeypatch.setattr(shown, "isatty", lambda: False)
    if reason == "dumb":
        monkeypatch.setenv("TERM", "dumb")
    with redirect_stderr(shown):
        progress = Progress(Terminal(err=True), enabled=reason != "disabled")
        clock.now = 1.0
        progress.show(1, 2, 1.0, 2.0)
        progress.clear()
    assert shown.shown == ""
