"""How fast a fleet answered: percentiles and a histogram, of eight bytes a server."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from baton.fleet.result import Latency

_STEPS: Final = (1, 2, 5)
"""The bounds of a histogram within each power of ten."""
_FIRST_POWER: Final = -5
"""The lowest bound is 10 µs: no answer crosses a network faster."""


def latency_of(times: array[float]) -> Latency | None:
    """What *times*, in seconds, amount to; None if there are none."""
    if not times:
        return None
    ordered = sorted(times)
    return Latency(
        count=len(ordered),
        minimum=ordered[0],
        average=math.fsum(ordered) / len(ordered),
        p50=_percentile(ordered, 50),
        p95=_percentile(ordered, 95),
        p99=_percentile(ordered, 99),
        maximum=ordered[-1],
        histogram=tuple(_histogram(ordered)),
    )


def _percentile(ordered: Sequence[float], share: int) -> float:
    """The nearest rank: the least time within which at least *share* percent have answered."""
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)]


def _histogram(ordered: Sequence[float]) -> Iterator[tuple[float, int]]:
    """From the bound that the fastest is within to that of the slowest, without a gap."""
    below = 0
    for bound in _bounds():
        within = bisect_left(ordered, math.nextafter(bound, math.inf))
        if within:
            yield bound, within - below
        below = within
        if within == len(ordered):
            return


def _bounds() -> Iterator[float]:
    power = _FIRST_POWER
    while True:
        for step in _STEPS:
            yield float(f"{step}e{power}")  # what the number reads like, whatever its power
        power += 1
