"""Tables of what was measured: for a terminal, and in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.figures import FIGURES, Figure
from bench.goals import GOALS
from bench.page import image
from bench.results import Results
from bench.subjects import BATON

SHOWN: Final = ("rate_least", "cpu_least")
"""The plots that the page shows."""
PEERS: Final = ("rate_least", "rate_once", "cpu_least", "p50_least", "p99_least", "memory_load")
"""The columns of the table of peers."""


def text(results: Results) -> str:
    """All figures and goals, for a terminal."""
    lines = []
    for figure in FIGURES.values():
        medians = results.medians(figure.id)
        if not medians:
            continue
        lines.append(f"\n{figure.title} ({figure.unit})")
        base = medians.get(BATON)
        for subject, median in medians.items():
            found = results.samples[figure.id][subject]
            beside = f"{base / median:8.2f} ×" if base and median else ""
            spread = _spread(figure, found)
            lines.append(f"  {subject:30} {_number(figure, median):>10}{beside:>12}   {spread}")
        if base:
            lines.append("  (×: how many times that Baton has)")
    lines.append("\nGoals")
    for goal in GOALS:
        value = goal.value(results)
        said = "not measured" if value is None else goal.show(value)
        sign = "?" if value is None else "✔" if goal.is_met(value) else "✘"
        lines.append(f"  {sign} {goal.text}: {said} (wanted: {goal.wanted})")
    lines += [f"  missing: {subject}: {reason}" for subject, reason in results.missing.items()]
    return "\n".join(lines)


def markdown(results: Results) -> str:
    """The goals and the peers, as a page has them."""
    lines = [
        f"{results.where}.",
        "",
        "| goal | wanted | measured | |",
        "|---|--:|--:|---|",
    ]
    for goal in GOALS:
        value = goal.value(results)
        said = "not measured" if value is None else goal.show(value)
        met = "" if value is None else "met" if goal.is_met(value) else "**not met**"
        lines.append(f"| {goal.text} | {goal.wanted} | {said} | {met} |")
    lines += ["", *_peers(results)]
    lines += [
        line
        for name in SHOWN
        if results.medians(name)
        for line in ("", image(name, FIGURES[name].title))
    ]
    if results.missing:
        lines += ["", "Not measured there: " + "; ".join(_missing(results)) + "."]
    return "\n".join(lines)


def _peers(results: Results) -> Iterator[str]:
    """A line for each subject; the spread is that of the first column. Who has no at least once
    comes last, by the next column."""
    figures = [FIGURES[each] for each in PEERS]
    titles = [f"{each.title} ({each.unit})" for each in figures]
    yield "| | " + " | ".join([titles[0], "least – most", *titles[1:]]) + " |"
    yield "|---|" + "--:|" * (len(figures) + 1)
    for subject in results.medians(PEERS[0]) | results.medians(PEERS[1]):
        medians = [(figure, results.median(figure.id, subject)) for figure in figures]
        cells = ["–" if median is None else _number(figure, median) for figure, median in medians]
        samples = results.samples.get(PEERS[0], {}).get(subject)
        cells.insert(1, _spread(figures[0], samples) if samples else "–")
        yield f"| {subject} | " + " | ".join(cells) + " |"


def _spread(figure: Figure, samples: list[float]) -> str:
    return f"{_number(figure, min(samples))} – {_number(figure, max(samples))}"


def _missing(results: Results) -> Iterator[str]:
    for subject, reason in results.missing.items():
        yield f"{subject} ({reason})"


def _number(figure: Figure, value: float) -> str:
    return f"{value:,.{figure.digits}f}"
