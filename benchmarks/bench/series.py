"""What grows, and what it costs: series of samples by size, kept as JSON, shown in tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.results import WrongResults, read_json, write_json

FORMAT: Final = 2


@dataclass
class Series:
    """One cost over one thing that grows."""

    id: str
    """What grows; series of one id share a table and a plot."""
    grows: str
    title: str
    unit: str
    samples: dict[int, list[float]] = field(default_factory=dict)

    def add(self, size: int, value: float) -> None:
        """One sample more at such a size."""
        self.samples.setdefault(size, []).append(round(value, 3))

    @property
    def points(self) -> list[tuple[int, float]]:
        """The median at each size, the least size first."""
        return [(size, statistics.median(found)) for size, found in sorted(self.samples.items())]

    @property
    def factor(self) -> float | None:
        """The cost at the greatest size, beside that at the least."""
        if len(self.samples) < 2:
            return None
        first, last = self.points[0][1], self.points[-1][1]
        return last / first if first else None


def write(all_of_them: list[Series], about: dict[str, Any], path: Path) -> None:
    """Keep them."""
    series = [asdict(each) for each in all_of_them]
    write_json(path, {"format": FORMAT, "about": about, "series": series})


def read(path: Path) -> tuple[list[Series], dict[str, Any]]:
    """What was kept, and where it was measured; raises WrongResults."""
    document = read_json(path, "hatch run bench:growth")
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise WrongResults(f"{path}: not a growth of format {FORMAT}")
    found = []
    for each in document["series"]:
        samples = {int(size): list(map(float, of)) for size, of in each.pop("samples").items()}
        found.append(Series(**each, samples=samples))
    return found, document["about"]


def text(all_of_them: list[Series]) -> str:
    """As a terminal has it."""
    return "\n".join(_lines(all_of_them))


def _lines(all_of_them: list[Series]) -> Iterator[str]:
    for each in all_of_them:
        yield f"\n{each.title} ({each.unit}), by {each.grows}"
        for size, value in each.points:
            found = each.samples[size]
            yield f"  {size:12,}  {value:12,.1f}   {min(found):,.1f} – {max(found):,.1f}"
        if each.factor is not None:
            grown = max(each.samples) / min(each.samples)
            yield f"  × {each.factor:.2f}, while that grew × {grown:,.0f}"


def by_what_grows(all_of_them: list[Series]) -> dict[str, list[Series]]:
    """Those that share a table and a plot, by their id; only those that have samples."""
    found: dict[str, list[Series]] = {}
    for each in all_of_them:
        if each.samples:
            found.setdefault(each.id, []).append(each)
    return found


def table(together: list[Series]) -> str:
    """Those of one id, as a page has them: a line for each size, and a column for each cost."""
    lines = [
        f"| {together[0].grows} | " + " | ".join(f"{s.title}, {s.unit}" for s in together) + " |",
        "|--:|" + "--:|" * len(together),
    ]
    for size in sorted({size for each in together for size in each.samples}):
        medians = [dict(each.points).get(size) for each in together]
        cells = ["–" if median is None else _number(median) for median in medians]
        lines.append(f"| {size:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _number(value: float) -> str:
    """With as many digits as say something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 1 else f"{value:,.2f}"
