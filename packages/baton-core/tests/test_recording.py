"""docs/recording.md is what docs/record.py records today, but for times and random ids."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"

CHANGING = (
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+Z)?|\b\d\d:\d\d:\d\d\b"), "TIME"),
    (re.compile(r" +[\d,]+\.\d+ ms"), " N ms"),
    (re.compile(r"(min|avg|p50|p95|p99|max) [\d,]+\.\d"), r"\1 N"),
    (re.compile(r'"(ms|took|min|avg|p50|p95|p99|max)": [\d.]+'), r'"\1": N'),
    (re.compile(r"in [\d.]+ s"), "in N s"),
    (re.compile(r"^ *≤.*$", re.MULTILINE), "≤"),
)
NAMES = re.compile(r"[\w.]+\.example\.org(?:, [\w.]+\.example\.org)+")


def fixed(page: str) -> list[set[str]]:
    """The lines of each block, without what is never the same twice: times, and in which order
    the servers answer."""
    for pattern, text in CHANGING:
        page = pattern.sub(text, page)
    page = NAMES.sub(lambda found: ", ".join(sorted(found[0].split(", "))), page)
    return [set(block.splitlines()) for block in page.split("```")]


@pytest.mark.usefixtures("own_logging")
def test_the_recording_is_up_to_date() -> None:
    recorded = runpy.run_path(str(DOCS / "record.py"))["record"]()
    assert fixed(recorded) == fixed((DOCS / "recording.md").read_text())
