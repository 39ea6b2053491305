"""A bar of how many servers are in each state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from baton_ping_monitor.fleet.view import State

_LEAST: Final = 1.5
"""Percent that a part is wide at least: one of 5,000 that is missing has to be seen."""
_ORDER: Final = (
    State.UP,
    State.QUIET,
    State.LATE,
    State.MISSING,
    State.NEVER_SEEN,
    State.MAINTENANCE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar; ``left`` and ``width`` are in percent."""

    state: State
    count: int
    left: float
    width: float


def stacked(counts: Mapping[State, int]) -> tuple[Part, ...]:
    """The parts of a bar for *counts*; retired servers are no part of it."""
    present = [(state, counts[state]) for state in _ORDER if counts.get(state)]
    total = sum(count for _, count in present)
    widths = [max(_LEAST, 100 * count / total) for _, count in present]
    excess = sum(widths)
    parts: list[Part] = []
    left = 0.0
    for (state, count), width in zip(present, widths, strict=True):
        share = 100 * width / excess
        parts.append(Part(state, count, round(left, 3), round(share, 3)))
        left += share
    return tuple(parts)
