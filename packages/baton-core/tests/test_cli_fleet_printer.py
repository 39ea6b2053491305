"""What comes at once is written at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest

from baton.cli.fleet import printer as printer_module
from baton.cli.fleet.printer import Printer
from baton.cli.fleet.progress import Progress
from baton.cli.terminal import Terminal, plain


class Paper(Terminal):
    """Keeps each write."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def write(self, text: str) -> None:
        self.written.append(text)


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def printer(paper: Paper) -> Printer:
    return Printer(paper, Progress(Terminal(err=True)))


def test_lines_are_one_write(paper: Paper, printer: Printer) -> None:
    printer.say(plain("one", "good"))
    printer.write("two\n")
    assert paper.written == []
    printer.flush()
    printer.flush()
    assert paper.written == ["\x1b[32mone\x1b[0m\ntwo\n"]


def test_many_are_written_before(
    paper: Paper, printer: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printer_module, "_MOST", 8)
    for _ in range(5):
        printer.say(plain("abc"))
    assert paper.written == ["abc\nabc\n"] * 2
    printer.flush()
    assert paper.written == ["abc\nabc\n", "abc\nabc\n", "abc\n"]


def test_lines_are_cut_to_the_width_that_the_terminal_has(
    screen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with redirect_stdout(screen()) as shown:
        printer = Printer(Terminal(), Progress(Terminal(err=True)))
        printer.say(plain("x" * 30), cut=True)
        printer.say(plain("y" * 30))
        printer.flush()
        monkeypatch.setenv("COLUMNS", "5")
        printer.say(plain("z" * 30), cut=True)
        printer.flush()
    assert shown.shown.splitlines() == ["x" * 19 + "…", "y" * 30, "zzzz…"]


def test_the_progress_is_out_of_the_way(
    screen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    screens = screen()
    with redirect_stdout(screens), redirect_stderr(screens):
        progress = Progress(Terminal(err=True))
        printer = Printer(Terminal(), progress)
        printer.say(plain("line"))
        moment = time.monotonic() + 60
        monkeypatch.setattr(time, "monotonic", lambda: moment)
        progress.show(1, 2, 0.1, 2.0)
        assert "1/2 answered" in screens.shown
        printer.flush()
    assert screens.shown.endswith("\r\x1b[Kline\n")
