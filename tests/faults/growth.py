"""Whether something grows that should not: a straight line through what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import StatisticsError, linear_regression, median


@dataclass(frozen=True, slots=True)
class Bound:
    """What a series may grow by in the whole run: *share* of its median, and *more*."""

    share: float = 0.0
    more: float = 0.0


@dataclass(frozen=True, slots=True)
class Trend:
    """The line through a series: where it is at the *start* and at the *end*, and what it may grow
    by (*allowed*). With too few samples there is none, and *samples* says so."""

    name: str
    samples: int
    start: float = 0.0
    end: float = 0.0
    allowed: float = 0.0

    @property
    def growth(self) -> float:
        """By how much it has grown; below 0 if it has shrunk."""
        return self.end - self.start

    @property
    def grows(self) -> bool:
        """Whether it has grown by more than it may."""
        return self.growth > self.allowed

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.start:,.1f} to {self.end:,.1f} ({self.growth:+,.1f}, "
            f"{self.allowed:,.1f} allowed, {self.samples:,} samples)"
        )


def trend(name: str, points: Sequence[tuple[float, float]], bound: Bound) -> Trend:
    """The line through *points*, each a time and a value. Raises ValueError if there are too few
    for one."""
    times, values = [time for time, _ in points], [value for _, value in points]
    try:
        slope, intercept = linear_regression(times, values)
    except StatisticsError as error:
        raise ValueError(f"{name}: {len(points)} samples give no line: {error}") from None
    return Trend(
        name,
        len(points),
        start=intercept + slope * min(times),
        end=intercept + slope * max(times),
        allowed=bound.share * median(values) + bound.more,
    )
