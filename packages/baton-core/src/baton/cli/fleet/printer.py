"""Printing replies: what comes at once is written at once.

A write of its own for each of 10,000 lines costs as much as to make out what they say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from baton.cli.terminal import fit

if TYPE_CHECKING:
    from baton.cli.fleet.progress import Progress
    from baton.cli.terminal import Line, Terminal

_MOST: Final = 32_768
"""Characters that are gathered at most: half of what a pipe takes before its writer waits."""


class Printer:
    """Gathers lines for *out*, and writes them at :meth:`flush`, or earlier if they are many.
    *progress* is out of the way while it writes."""

    def __init__(self, out: Terminal, progress: Progress) -> None:
        self._out = out
        self._progress = progress
        self._gathered: list[str] = []
        self._size = 0
        self._width: int | None = None

    def say(self, line: Line, *, cut: bool = False) -> None:
        """Print *line*; with *cut* no more of it than a terminal is wide."""
        if not self._gathered:
            self._width = self._out.width  # as it is now, and not asked for each line
        if cut and self._width is not None:
            line = fit(line, self._width)
        self.write(f"{self._out.render(line)}\n")

    def write(self, text: str) -> None:
        """Print *text*."""
        self._gathered.append(text)
        self._size += len(text)
        if self._size >= _MOST:
            self.flush()

    def flush(self) -> None:
        """Write what is gathered, in one write."""
        gathered, self._gathered, self._size = self._gathered, [], 0
        if gathered:
            self._progress.clear()
            self._out.write("".join(gathered))
