"""Tables: for a terminal, and in Markdown between two markers of a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.figures import FIGURES, Figure
from bench.goals import GOALS
from bench.results import Results
from bench.subjects import BATON

PAGE: Final = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN: Final = "<!-- measured: begin -->"
END: Final = "<!-- measured: end -->"
PEERS: Final = ("rate_least", "rate_once", "cpu_least", "p50_least", "p99_least", "memory_load")
"""The columns of the table of peers."""


class NoMarkers(Exception):
    """A page that has no place for what was measured."""


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
            spread = f"{_number(figure, min(found))} – {_number(figure, max(found))}"
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
    about = results.about
    lines = [
        (
            f"Measured {about['when'][:10]}: {about['system']}, {about['cores']} cores that the"
            f" broker, the service and the bench share, Python {about['python']}, medians of"
            f" {about['rounds']} interleaved rounds."
        ),
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
    if results.missing:
        lines += ["", "Not measured there: " + "; ".join(_missing(results)) + "."]
    return "\n".join(lines)


def _peers(results: Results) -> Iterator[str]:
    figures = [FIGURES[each] for each in PEERS]
    yield "| | " + " | ".join(f"{each.title} ({each.unit})" for each in figures) + " |"
    yield "|---|" + "--:|" * len(figures)
    for subject in results.medians(PEERS[0]):
        medians = [(figure, results.median(figure.id, subject)) for figure in figures]
        cells = ["–" if median is None else _number(figure, median) for figure, median in medians]
        yield f"| {subject} | " + " | ".join(cells) + " |"


def _missing(results: Results) -> Iterator[str]:
    for subject, reason in results.missing.items():
        yield f"{subject} ({reason})"


def _number(figure: Figure, value: float) -> str:
    return f"{value:,.{figure.digits}f}"


def insert(page: str, table: str) -> str:
    """*page* with *table* between its markers; raises NoMarkers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NoMarkers(f'The page has no "{BEGIN}" and "{END}", one after the other')
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def write(results: Results) -> None:
    """Into docs/performance.md; raises NoMarkers."""
    PAGE.write_text(insert(PAGE.read_text(), markdown(results)))
