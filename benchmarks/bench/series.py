"""What grows, and what it costs: series of points, kept as JSON, shown and drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

FORMAT: Final = 1


@dataclass
class Series:
    """One cost over one thing that grows."""

    id: str
    """What grows; series of one id are drawn on one page."""
    grows: str
    title: str
    unit: str
    points: list[tuple[float, float]] = field(default_factory=list)

    def add(self, size: float, value: float) -> None:
        """One more point."""
        self.points.append((size, round(value, 3)))

    @property
    def factor(self) -> float | None:
        """The cost at the greatest size, beside that at the least."""
        if len(self.points) < 2:
            return None
        (_, first), (_, last) = min(self.points), max(self.points)
        return last / first if first else None


def write(all_of_them: list[Series], about: dict[str, Any], path: Path) -> None:
    """Keep them."""
    path.parent.mkdir(exist_ok=True)
    document = {"format": FORMAT, "about": about, "series": [asdict(each) for each in all_of_them]}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def read(path: Path) -> list[Series]:
    """What was kept."""
    document = json.loads(path.read_text())
    found = []
    for each in document["series"]:
        points = [(float(size), float(value)) for size, value in each.pop("points")]
        found.append(Series(**each, points=points))
    return found


def text(all_of_them: list[Series]) -> str:
    """As a terminal has it."""
    return "\n".join(_lines(all_of_them))


def _lines(all_of_them: list[Series]) -> Iterator[str]:
    for each in all_of_them:
        yield f"\n{each.title} ({each.unit}), by {each.grows}"
        for size, value in each.points:
            yield f"  {size:12,.0f}  {value:12,.1f}"
        if each.factor is not None:
            least, most = min(each.points)[0], max(each.points)[0]
            yield f"  × {each.factor:.2f}, while that grew × {most / least:,.0f}"


def draw(all_of_them: list[Series], folder: Path) -> list[Path]:
    """A page for each thing that grows, as PNG and SVG; those that were written."""
    import matplotlib as mpl  # noqa: PLC0415  (slow, and not needed to measure)

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "baton"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    folder.mkdir(exist_ok=True)
    written = []
    for name in dict.fromkeys(each.id for each in all_of_them):
        shown = [each for each in all_of_them if each.id == name and each.points]
        canvas, found = plt.subplots(1, len(shown), figsize=(4.2 * len(shown), 3.4), squeeze=False)
        for axes, each in zip(found[0], shown, strict=True):
            axes.plot(*zip(*sorted(each.points), strict=True), marker="o", color="#1f6feb")
            axes.set_xscale("log")
            axes.set_ylim(bottom=0)
            axes.set_xlabel(each.grows)
            axes.set_title(f"{each.title}, {each.unit}", size=10)
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        canvas.tight_layout()
        for kind in ("png", "svg"):
            path = folder / f"growth_{name}.{kind}"
            canvas.savefig(path, dpi=120, metadata={"Date": None} if kind == "svg" else None)
            written.append(path)
        plt.close(canvas)
    return written
