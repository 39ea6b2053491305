"""The last latencies of a server in a line of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 90
HEIGHT: Final = 20
_SLOTS: Final = 30
_STEP: Final = WIDTH / _SLOTS
_MARGIN: Final = 2.5


@dataclass(frozen=True, slots=True)
class Sparkline:
    """SVG path data in a box of :data:`WIDTH` × :data:`HEIGHT`: a ``line`` with gaps where a ping
    passed, and a tick for each that did, ``missed``."""

    line: str
    missed: str


def sparkline(latencies: Sequence[float | None]) -> Sparkline:
    """Draw *latencies*, the latest at the right edge; None is a ping that passed."""
    shown = latencies[-_SLOTS:]
    known = [value for value in shown if value is not None]
    top = max(known, default=0.0) * 1.15 or 1.0
    left = (_SLOTS - len(shown)) * _STEP + _STEP / 2
    line: list[str] = []
    missed: list[str] = []
    pen_down = False
    for index, value in enumerate(shown):
        x = left + index * _STEP
        if value is None:
            missed.append(f"M{x:g} {HEIGHT - 5}v5")
            pen_down = False
            continue
        y = HEIGHT - _MARGIN - (HEIGHT - 2 * _MARGIN) * min(1.0, value / top)
        # A lone point is a line of no length: its round ends make a dot.
        line.append(f"L{x:g} {y:.1f}" if pen_down else f"M{x:g} {y:.1f}h0")
        pen_down = True
    return Sparkline("".join(line), "".join(missed))
