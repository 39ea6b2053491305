"""A line that shows how far a command is, below what it prints."""

from __future__ import annotations

import time
from typing import Final

from baton.cli.terminal import Line, Span, Terminal, fit

_DELAY: Final = 0.3
"""Seconds before it is first shown: what ends sooner needs none."""
_PAUSE: Final = 0.05
"""Seconds between two repaints."""
_WIDEST: Final = 24
_ERASE: Final = "\r\x1b[K"


class Progress:
    """The last line of a terminal, on standard error: a bar, and how many have answered.

    It is only there where it can be repainted. It is cut to the width that the terminal has at the
    moment, so that it never becomes two lines, of which one would stay.
    """

    def __init__(self, terminal: Terminal, *, enabled: bool = True) -> None:
        self._terminal = terminal
        self._enabled = enabled and terminal.can_repaint
        self._is_shown = False
        self._began = time.monotonic()
        self._painted = 0.0

    def show(self, answered: int, expected: int | None, elapsed: float, timeout: float) -> None:
        """Paint it, unless that was done a moment ago."""
        now = time.monotonic()
        if not self._enabled or now - self._began < _DELAY or now - self._painted < _PAUSE:
            return
        self._painted = now
        width = self._terminal.width
        if width is None:
            return
        blocks = self._terminal.can_show("█░")
        # One column less: some terminals begin a new line when the last one is filled.
        line = progress_line(answered, expected, elapsed, timeout, width - 1, blocks)
        self._terminal.control(_ERASE, fit(line, width - 1))
        self._is_shown = True

    def clear(self) -> None:
        """Remove it, so that something else can be printed there."""
        if self._is_shown:
            self._terminal.control(_ERASE)
            self._is_shown = False
            self._painted = 0.0


def progress_line(
    answered: int,
    expected: int | None,
    elapsed: float,
    timeout: float,
    width: int = 80,
    blocks: bool = True,
) -> Line:
    """The bar is of answers where it is known how many there should be, else of time; it is as
    long as *width* columns leave room for."""
    if expected:
        share, count = answered / expected, f"{answered:,}/{expected:,}"
    else:
        share, count = elapsed / timeout if timeout else 1.0, f"{answered:,}"
    begin, end = f"{count} answered ", f" {elapsed:.1f} of {timeout:,.1f} s"
    length = max(0, min(_WIDEST, width - len(begin) - len(end)))
    full = round(max(0.0, min(1.0, share)) * length)
    signs = "█░" if blocks else "#."
    return (
        Span(begin),
        Span(signs[0] * full, "good"),
        Span(signs[1] * (length - full), "quiet"),
        Span(end),
    )
