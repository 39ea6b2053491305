"""Plots of results, as PNG and SVG."""

from __future__ import annotations

from pathlib import Path

from bench.figures import FIGURES
from bench.results import Results

OURS, THEIRS = "#1f6feb", "#9aa4b2"
PLOTTED = ("rate_least", "rate_once", "cpu_least", "p50_least", "memory_load", "fan_1000")


def draw(results: Results, folder: Path) -> list[Path]:
    """A bar for each subject, a file for each figure and format; those that were written."""
    import matplotlib as mpl  # noqa: PLC0415  (slow, and not needed to measure)

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "baton"  # the same results make the same file
    from matplotlib import pyplot as plt  # noqa: PLC0415

    written = []
    folder.mkdir(exist_ok=True)
    for name in PLOTTED:
        medians = results.medians(name)
        if not medians:
            continue
        figure = FIGURES[name]
        subjects = list(reversed(medians))
        values = [medians[each] for each in subjects]
        below = [medians[each] - min(results.samples[name][each]) for each in subjects]
        above = [max(results.samples[name][each]) - medians[each] for each in subjects]
        canvas, axes = plt.subplots(figsize=(8, 0.8 + 0.36 * len(subjects)))
        bars = axes.barh(
            subjects,
            values,
            xerr=(below, above),
            color=[OURS if each.startswith("Baton") else THEIRS for each in subjects],
            error_kw={"ecolor": "#57606a", "elinewidth": 1},
        )
        axes.bar_label(bars, [f" {value:,.{figure.digits}f}" for value in values], padding=4)
        axes.set_title(
            f"{figure.title}, {figure.unit}: the median, the least and the most",
            loc="left",
            size=10,
        )
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.15)
        canvas.tight_layout()
        for kind in ("png", "svg"):
            path = folder / f"{name}.{kind}"
            canvas.savefig(path, dpi=120, metadata={"Date": None} if kind == "svg" else None)
            written.append(path)
        plt.close(canvas)
    return written
