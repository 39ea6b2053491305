"""Axes: from values to places, and where the ticks are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_STEPS: Final = (1, 2, 5, 10)
_TIME_STEPS: Final = (60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800, 1_209_600)
"""Seconds between ticks, as clocks and calendars have them: a minute to 2 weeks."""
_MONDAY: Final = 4 * 86_400
"""The first Monday of the epoch."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: its place, from 0 to 1, and what is written there."""

    place: float
    label: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from ``low`` to ``high``, evenly."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        """The place of *value*, from 0 to 1; what is beyond is at the edge.

        >>> Scale(10, 20)(15), Scale(10, 20)(99)
        (0.5, 1.0)
        """
        width = self.high - self.low
        return min(1.0, max(0.0, (value - self.low) / width)) if width > 0 else 0.0


def ceiling(value: float, ticks: int = 4) -> tuple[float, float]:
    """The top of an axis from 0 on that has room for *value*, and the step of its ticks.

    >>> ceiling(0.0037), ceiling(42)
    ((0.004, 0.001), (50.0, 10.0))
    """
    if not (value > 0 and math.isfinite(value)):
        return 1.0, 0.5
    rough = value / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in _STEPS if power * each >= rough * 0.9)
    count = math.ceil(value / step - 1e-9)
    return _clean(step * count), _clean(step)


def time_ticks(start: float, end: float, most: int = 7) -> Iterator[Tick]:
    """Round times between *start* and *end*, in UTC, at most *most*."""
    step = next((each for each in _TIME_STEPS if (end - start) / each <= most), None)
    if step is None or end <= start:
        return
    scale = Scale(start, end)
    at = _begin(start, step)
    while at <= end:
        if at >= start:
            yield Tick(scale(at), _label(at, step))
        at += step


def _begin(start: float, step: int) -> float:
    """The last time before *start* of which the steps make midnights or, with weeks, Mondays."""
    origin = _MONDAY if step > 86_400 else 0
    return (start - origin) // step * step + origin


def _label(at: float, step: int) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    if step >= 86_400 or (moment.hour == 0 and moment.minute == 0):
        return f"{moment.day} {moment:%b}"
    return f"{moment:%H:%M}"


def _clean(value: float) -> float:
    return float(f"{value:.12g}")
