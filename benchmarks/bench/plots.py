"""Plots of what was measured, as PNG and SVG: bars of subjects, and lines over what grows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.figures import FIGURES
from bench.results import Results
from bench.series import Series, by_what_grows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS, THEIRS, INK = "#1f6feb", "#9aa4b2", "#57606a"
PLOTTED: Final = (
    "rate_least", "cpu_least", "p50_least", "memory_load", "fan_1000", "collect",
)  # fmt: skip
STEEP: Final = 20.0
"""A cost that changes by more than this factor is drawn on a logarithmic scale."""
SETTINGS: Final[dict[Any, Any]] = {
    "svg.hashsalt": "baton",  # the same results make the same file
    "svg.fonttype": "none",  # letters, not their outlines: a fifth of the size
    "font.family": "sans-serif",
    "font.size": 10,
    "figure.facecolor": "white",
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(results: Results, folder: Path) -> list[Path]:
    """A bar for each subject, a file for each figure and format; those that were written."""
    plt = _pyplot()
    written = []
    for name in PLOTTED:
        medians = results.medians(name)
        if not medians:
            continue
        canvas, axes = plt.subplots(figsize=(8, 0.9 + 0.36 * len(medians)))
        _bars(axes, results, name, medians)
        written += _write(canvas, folder, name)
    return written


def draw_growth(all_of_them: list[Series], folder: Path) -> list[Path]:
    """A plot for each thing that grows, a line in it for each cost; those that were written."""
    plt = _pyplot()
    written = []
    for name, shown in by_what_grows(all_of_them).items():
        rows = (len(shown) + 1) // 2  # two in a row: a page is no wider
        canvas = plt.figure(figsize=(8, 2.8 * rows))
        for place, each in enumerate(shown, start=1):
            _line(canvas.add_subplot(rows, 2, place), each)
        written += _write(canvas, folder, f"growth_{name}")
    return written


def _pyplot() -> Any:
    import matplotlib as mpl  # noqa: PLC0415  (slow, and not needed to measure)

    mpl.use("Agg")
    mpl.rcParams.update(SETTINGS)
    from matplotlib import pyplot as plt  # noqa: PLC0415

    return plt


def _bars(axes: Axes, results: Results, name: str, medians: dict[str, float]) -> None:
    figure = FIGURES[name]
    subjects = list(reversed(medians))
    values = [medians[each] for each in subjects]
    below = [medians[each] - min(results.samples[name][each]) for each in subjects]
    above = [max(results.samples[name][each]) - medians[each] for each in subjects]
    axes.barh(
        subjects,
        values,
        xerr=(below, above),
        color=[OURS if each.startswith("Baton") else THEIRS for each in subjects],
        error_kw={"ecolor": INK, "elinewidth": 1, "capsize": 2},
    )
    for place, (value, more) in enumerate(zip(values, above, strict=True)):
        axes.annotate(
            f"{value:,.{figure.digits}f}",
            (value + more, place),
            (5, 0),
            textcoords="offset points",
            va="center",
            size=9,
        )
    better = "more is better" if figure.more_is_better else "less is better"
    axes.set_title(f"{figure.title}: median, least and most", loc="left", size=10)
    axes.set_xlabel(f"{figure.unit} ({better})")
    axes.xaxis.set_major_formatter(lambda value, _: short(value))
    axes.margins(x=0.12, y=0.02)


def _line(axes: Axes, series: Series) -> None:
    sizes, medians = zip(*series.points, strict=True)
    below = [median - min(series.samples[size]) for size, median in series.points]
    above = [max(series.samples[size]) - median for size, median in series.points]
    axes.errorbar(
        sizes, medians, (below, above), marker="o", color=OURS, ecolor=INK, elinewidth=1, capsize=2
    )
    axes.set_xscale("log")
    axes.set_xticks(sizes, [short(size) for size in sizes])
    axes.minorticks_off()
    if min(medians) > 0 and max(medians) / min(medians) > STEEP:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: short(value))
    axes.set_xlabel(series.grows)
    axes.set_ylabel(series.unit)
    axes.set_title(series.title, size=10)
    axes.grid(alpha=0.25)


def short(value: float) -> str:
    """A number for an axis: 300 thousand as "300k"."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def _write(canvas: Figure, folder: Path, name: str) -> list[Path]:
    import matplotlib.pyplot as plt  # noqa: PLC0415

    folder.mkdir(exist_ok=True)
    canvas.tight_layout()
    written = [folder / f"{name}.png", folder / f"{name}.svg"]
    for path in written:
        is_svg = path.suffix == ".svg"
        canvas.savefig(path, dpi=120, metadata={"Date": None} if is_svg else None)
    plt.close(canvas)
    return written
