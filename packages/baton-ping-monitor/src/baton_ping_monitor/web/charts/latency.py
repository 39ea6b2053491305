"""The latency of a server over time: a line of means in a band from the shortest to the longest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from baton_ping_monitor.web.charts.scale import Scale, Tick, ceiling, time_ticks
from baton_ping_monitor.web.words import latency

if TYPE_CHECKING:
    from baton_ping_monitor.store.records import Point

WIDTH: Final = 1000
HEIGHT: Final = 180
"""The box that paths are drawn in; it is stretched to the width of the page."""
_GAP: Final = 2.5
"""A line is broken where the next point is further away than so many usual distances."""
_LEAST_GAP: Final = 1 / 120


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a place from 0 to 1, for a ``width`` of it: so many."""

    place: float
    width: float
    count: int


@dataclass(frozen=True, slots=True)
class LatencyChart:
    """``line`` and ``range`` are SVG path data in :data:`WIDTH` × :data:`HEIGHT`; ticks, missed
    pings and errors are at places from 0 to 1, from the left and from the bottom."""

    line: str
    range: str
    missed: tuple[Mark, ...]
    errors: tuple[Mark, ...]
    times: tuple[Tick, ...]
    latencies: tuple[Tick, ...]


def latency_chart(points: Sequence[Point], start: float, end: float) -> LatencyChart:
    """Draw *points* between two times."""
    shown = [point for point in points if start <= point.at <= end]
    known = [point for point in shown if point.mean is not None]
    top, step = ceiling(max((point.high or point.mean or 0.0 for point in known), default=0.0))
    time, height = Scale(start, end), Scale(0, top)
    runs = list(_runs(known, end - start))
    return LatencyChart(
        line="".join(_line(run, time, height) for run in runs),
        range="".join(_range(run, time, height) for run in runs if len(run) > 1),
        missed=tuple(_marks(shown, time, "missed")),
        errors=tuple(_marks(shown, time, "errors")),
        times=tuple(time_ticks(start, end)),
        latencies=tuple(_ticks(top, step)) if known else (),
    )


def _runs(points: Sequence[Point], width: float) -> Iterator[list[Point]]:
    """Points that follow on each other without a gap."""
    distances = sorted(b.at - a.at for a, b in pairwise(points))
    usual = distances[len(distances) // 2] if distances else 0.0
    gap = max(usual * _GAP, width * _LEAST_GAP)
    run: list[Point] = []
    for point in points:
        if run and point.at - run[-1].at > gap:
            yield run
            run = []
        run.append(point)
    if run:
        yield run


def _line(run: Sequence[Point], time: Scale, height: Scale) -> str:
    places = [_place(time(_middle(point)), height(point.mean or 0.0)) for point in run]
    # A lone point is a line of no length: its round ends make a dot.
    return "M" + "L".join(places) if len(places) > 1 else f"M{places[0]}h0"


def _range(run: Sequence[Point], time: Scale, height: Scale) -> str:
    above = [_place(time(_middle(it)), height(it.high or it.mean or 0.0)) for it in run]
    below = [_place(time(_middle(it)), height(it.low or it.mean or 0.0)) for it in reversed(run)]
    return "M" + "L".join(above + below) + "Z"


def _marks(points: Sequence[Point], time: Scale, name: str) -> Iterator[Mark]:
    for point in points:
        count = getattr(point, name)
        if count:
            left = time(point.at)
            yield Mark(left, time(point.at + point.width) - left, count)


def _ticks(top: float, step: float) -> Iterator[Tick]:
    for number in range(1, round(top / step) + 1):
        yield Tick(number * step / top, latency(number * step))


def _middle(point: Point) -> float:
    return point.at + point.width / 2


def _place(x: float, y: float) -> str:
    return f"{x * WIDTH:.1f} {(1 - y) * HEIGHT:.1f}"
