"""Lines, and how they fit a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from baton.cli.terminal import Span, Terminal, cells, fit, pad, plain, wrap

Screens = Callable[..., Any]


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("web01", 5), ("東京", 4), ("é", 1), ("e\N{COMBINING ACUTE ACCENT}", 1)],
)
def test_cells(text: str, width: int) -> None:
    assert cells(text) == width


@pytest.mark.parametrize(
    ("texts", "width", "kept"),
    [
        (["web01"], 5, ["web01"]),
        (["web01"], 4, ["web…"]),
        (["web01", " up"], 8, ["web01", " up"]),
        (["web01", " up"], 7, ["web01", " …"]),
        (["web01", " up"], 5, ["web0…"]),
        (["東京都"], 6, ["東京都"]),
        (["東京都"], 5, ["東京…"]),
        (["東京都"], 4, ["東…"]),
        (["web01"], 1, ["…"]),
        (["web01"], 0, [""]),
    ],
)
def test_fit(texts: list[str], width: int, kept: list[str]) -> None:
    line = fit(tuple(map(Span, texts)), width)
    assert [span.text for span in line] == kept
    assert sum(cells(span.text) for span in line) <= width


def test_pad_goes_by_columns() -> None:
    assert pad("東京", 6) == "東京  "
    assert pad("web01", 3) == "web01"


def test_items_are_wrapped_below_each_other() -> None:
    items = ["web01", "web02", "web03"]
    assert list(wrap("lost  ", items, 19, 6)) == ["lost  web01, web02,", "      web03"]
    assert list(wrap("lost  ", items, 3, 6)) == ["lost  web01,", "      web02,", "      web03"]
    assert list(wrap("a longer title: ", items, 24, 2)) == [
        "a longer title: web01,",
        "  web02, web03",
    ]
    assert list(wrap("lost  ", items, None, 6)) == ["lost  web01, web02, web03"]


def test_no_item_is_no_comma() -> None:
    assert list(wrap("lost ", [], 10, 5)) == ["lost "]


def test_a_line_is_cut_to_the_terminal_where_that_is_asked_for(screen: Screens) -> None:
    with redirect_stdout(screen()) as shown:
        terminal = Terminal()
        terminal.say(plain("x" * 30), cut=True)
        terminal.say(plain("y" * 30))
    assert (terminal.width, terminal.height) == (20, 10)
    assert shown.shown == f"{'x' * 19}…\n{'y' * 30}\n"


def test_looks_are_colours_on_a_terminal(screen: Screens) -> None:
    with redirect_stdout(screen()) as shown:
        Terminal().say(plain("missing", "bad"))
    assert shown.shown == "\x1b[31mmissing\x1b[0m\n"


def test_no_colour_for_nothing(screen: Screens) -> None:
    with redirect_stdout(screen()) as shown:
        Terminal().say((Span("web01"), Span("", "quiet")))
    assert shown.shown == "web01\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colours_where_nobody_wants_them(
    screen: Screens, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with redirect_stdout(screen()) as shown:
        Terminal().say(plain("missing", "bad"))
    assert shown.shown == "missing\n"


def test_a_dumb_terminal_repaints_nothing(screen: Screens, monkeypatch: pytest.MonkeyPatch) -> None:
    with redirect_stdout(screen()):
        assert Terminal().can_repaint
        monkeypatch.setenv("TERM", "dumb")
        assert not Terminal().can_repaint


def test_codes_and_a_line_at_once(screen: Screens) -> None:
    with redirect_stdout(screen()) as shown:
        Terminal().control("\r\x1b[K", plain("x"))
    assert shown.shown == "\r\x1b[Kx"


def test_a_pipe_takes_whole_lines_without_colours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    terminal.say(plain("x" * 30, "bad"), cut=True)
    assert (terminal.width, terminal.can_repaint) == (None, False)
    assert capsys.readouterr() == ("x" * 30 + "\n", "")


def test_characters_that_the_encoding_lacks(screen: Screens) -> None:
    with redirect_stdout(screen("ascii")) as shown:
        terminal = Terminal()
        terminal.say(plain("█ x"))
    assert terminal.can_show("x")
    assert not terminal.can_show("█")
    assert shown.shown == "? x\n"


def test_an_output_that_somebody_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    terminal = Terminal()
    terminal.say(plain("x"), cut=True)
    terminal.control("\r", plain("x"))
    assert (terminal.width, terminal.can_repaint) == (None, False)


def test_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(err=True).say(plain("x"))
    assert capsys.readouterr() == ("", "x\n")


def test_a_pipe_is_told_from_a_file(tmp_path: Path, screen: Screens) -> None:
    reading, writing = os.pipe()
    with open(writing, "w") as pipe, redirect_stdout(pipe):  # noqa: PTH123
        assert Terminal().is_pipe
    os.close(reading)
    with (tmp_path / "x").open("w") as file, redirect_stdout(file):
        terminal = Terminal()
        assert not terminal.is_pipe
    assert not terminal.is_pipe  # it is closed
    with redirect_stdout(screen()):
        assert not Terminal().is_pipe
