"""Round-trip times as bars of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from baton.cli.terminal import Line, Span

if TYPE_CHECKING:
    from baton.fleet.result import Latency

_WIDEST: Final = 50
"""Columns of the longest bar."""
_PARTS: Final = " ▏▎▍▌▋▊▉█"
BLOCKS: Final = _PARTS.strip()
"""What bars are made of where the terminal has it."""


def histogram(
    latency: Latency, width: int | None = None, *, ascii_only: bool = False
) -> Iterator[Line]:
    """A line for each range of times, from the first to the last in which there is one; none is
    wider than *width* columns where that is possible."""
    bins = list(latency.histogram)
    while bins and not bins[0][1]:
        del bins[0]
    while bins and not bins[-1][1]:
        del bins[-1]
    if not bins:
        return
    bounds = [f"≤ {_milliseconds(bound)} ms" for bound, _ in bins]
    if ascii_only:
        bounds = [bound.replace("≤", "<=") for bound in bounds]
    counts = [f"{count:,}" for _, count in bins]
    left, right = max(map(len, bounds)), max(map(len, counts))
    room = _WIDEST if width is None else max(1, min(_WIDEST, width - left - right - 4))
    most = max(count for _, count in bins)
    for bound, text, (_, count) in zip(bounds, counts, bins, strict=True):
        bar = _bar(count / most * room, ascii_only)
        yield (Span(f"{bound:>{left}}  {text:>{right}}  "), Span(bar, "good"))


def _bar(length: float, ascii_only: bool) -> str:
    """At least a sign of what is there, however little."""
    if not length:
        return ""
    if ascii_only:
        return "#" * max(1, round(length))
    whole, part = divmod(max(1, round(length * 8)), 8)
    return (_PARTS[8] * whole + _PARTS[part]).rstrip()


def _milliseconds(seconds: float) -> str:
    """As many digits as tell one bound from the next.

    >>> _milliseconds(0.0005), _milliseconds(0.02), _milliseconds(2.5)
    ('0.5', '20', '2,500')
    """
    value = seconds * 1000
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
