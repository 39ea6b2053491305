"""Text of others, made fit to be shown."""

from __future__ import annotations

import pytest

from baton.text import excerpt, printable, shorten


@pytest.mark.parametrize(
    ("text", "shortened"),
    [("", ""), ("x" * 200, "x" * 200), ("x" * 201, "x" * 199 + "…"), ("x" * 9999, "x" * 199 + "…")],
)
def test_shorten(text: str, shortened: str) -> None:
    assert shorten(text) == shortened


def test_shorten_to_another_length() -> None:
    assert shorten("production", 4) == "pro…"


@pytest.mark.parametrize("text", ["", "web01.example.org", "a b", "größer 😀 東京"])
def test_what_is_printable_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web01\x1b[2J", "web01\ufffd[2J"),
        ("a\nb\rc\td", "a\ufffdb\ufffdc\ufffdd"),
        ("\x00\x7f\x9b", "\ufffd\ufffd\ufffd"),
        ("a\u202eb\u2028", "a\ufffdb\ufffd"),
        ("\ud800", "\ufffd"),
    ],
)
def test_what_acts_on_a_terminal_is_replaced(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("length", [9, 10, 11])
def test_an_excerpt_is_cut_and_printable(length: int) -> None:
    shown = excerpt("\x1b" * length, 10)
    assert shown.isprintable()
    assert len(shown) == min(length, 10)
    assert shown.endswith("…") is (length > 10)
