"""How many servers answered how fast."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from baton_ping_monitor.web.words import latency

_STEPS: Final = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
"""The bounds within each power of ten: about as far from each other, seen as factors."""
_MOST: Final = 24


@dataclass(frozen=True, slots=True)
class Column:
    """Servers that took longer than the column before says, and at most ``bound`` seconds.
    Places and sizes are from 0 to 1."""

    bound: float
    label: str
    count: int
    left: float
    width: float
    height: float


def histogram(times: Sequence[float]) -> list[Column]:
    """Columns of *times*, in seconds, from the fastest to the slowest, without a gap."""
    ordered = sorted(time for time in times if time > 0 and math.isfinite(time))
    if not ordered:
        return []
    bounds = _bounds(ordered[0], ordered[-1])
    places = [0, *(bisect_left(ordered, math.nextafter(bound, math.inf)) for bound in bounds)]
    counts = [after - before for before, after in pairwise(places)]
    most = max(counts)
    width = 1 / len(counts)
    return [
        Column(bound, latency(bound), count, index * width, width, count / most)
        for index, (bound, count) in enumerate(zip(bounds, counts, strict=True))
    ]


def _bounds(fastest: float, slowest: float) -> list[float]:
    bounds: list[float] = []
    power = math.floor(math.log10(fastest))
    while True:
        for step in _STEPS:
            bound = float(f"{step}e{power}")
            if bound >= fastest:
                bounds.append(bound)
            if bound >= slowest:
                return bounds if len(bounds) <= _MOST else _coarser(bounds)
        power += 1


def _coarser(bounds: Sequence[float]) -> list[float]:
    """So many of the bounds as can be shown, the last among them."""
    step = math.ceil(len(bounds) / _MOST)
    return list(bounds[::-1][::step][::-1])
