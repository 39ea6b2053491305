"""Bars of round-trip times."""

from __future__ import annotations

import pytest

from baton.cli.fleet.histogram import histogram
from baton.cli.terminal import cells
from baton.fleet.result import Latency


def latency(*bins: tuple[float, int]) -> Latency:
    return Latency(sum(n for _, n in bins), 0.001, 0.002, 0.002, 0.003, 0.003, 0.004, bins)


def drawn(
    *bins: tuple[float, int], width: int | None = None, ascii_only: bool = False
) -> list[str]:
    lines = histogram(latency(*bins), width, ascii_only=ascii_only)
    return ["".join(span.text for span in line) for line in lines]


def test_bars_are_as_long_as_there_are_many() -> None:
    assert drawn((0.005, 1000), (0.01, 500), (0.1, 1)) == [
        "  ≤ 5 ms  1,000  " + "█" * 50,
        " ≤ 10 ms    500  " + "█" * 25,
        "≤ 100 ms      1  ▏",
    ]


def test_what_is_empty_stays_only_between_others() -> None:
    assert drawn((0.001, 0), (0.002, 1), (0.003, 0), (0.004, 1), (0.005, 0)) == [
        "≤ 2 ms  1  " + "█" * 50,
        "≤ 3 ms  0  ",
        "≤ 4 ms  1  " + "█" * 50,
    ]


@pytest.mark.parametrize("width", [17, 30, 50])
def test_it_is_as_wide_as_the_terminal(width: int) -> None:
    lines = drawn((0.005, 1000), (0.01, 500), width=width)
    assert max(map(cells, lines)) == width


def test_a_narrow_terminal_has_a_bar_of_one() -> None:
    assert drawn((0.005, 3), width=3) == ["≤ 5 ms  3  █"]


def test_in_ascii() -> None:
    assert drawn((0.005, 4), (0.01, 1), width=16, ascii_only=True) == [
        " <= 5 ms  4  ###",
        "<= 10 ms  1  #",
    ]


def test_without_times_there_are_no_bars() -> None:
    assert drawn() == []
    assert drawn((0.005, 0)) == []
