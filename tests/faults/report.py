"""What the suite has measured, as the table in docs/guarantees.md.

Each verdict leaves a row in a folder, whichever process ran the test; at the end the rows of all
are merged into the table. Rows of tests that were not run this time stay as they are.
"""

from __future__ import annotations

import json
import math
import re
import secrets
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from faults.checker import Verdict

BEGIN = "<!-- faults: begin -->"
END = "<!-- faults: end -->"
HEADER = (
    "| of | fault | commands | done | expired | outputs seen | lost | sent again | run twice | "
    "reported missing | answers again after (s) |\n"
    "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one run of a test has measured, or several of them together. None is for what it did not
    look at."""

    group: str
    title: str
    commands: int
    done: int
    failed: int | None = None
    seen: int | None = None
    lost: int | None = None
    again: int | None = None
    twice: int | None = None
    missing: int | None = None
    recovery: tuple[float, ...] = ()

    @classmethod
    def of(cls, group: str, verdict: Verdict) -> Self:
        """The row of *verdict*."""
        return cls(
            group=group,
            title=verdict.title,
            commands=verdict.sent,
            done=verdict.done,
            failed=verdict.failed,
            seen=verdict.outputs_seen,
            lost=len(verdict.lost_outputs),
            again=verdict.duplicated_outputs,
            twice=len(verdict.run_twice),
            missing=len(verdict.missing),
            recovery=verdict.recovery,
        )

    @property
    def key(self) -> tuple[str, str]:
        """What the row is about."""
        return self.group, self.title

    def __add__(self, other: Row) -> Row:
        numbers = ("failed", "seen", "lost", "again", "twice", "missing")
        sums = {name: _total(getattr(self, name), getattr(other, name)) for name in numbers}
        return Row(
            group=self.group,
            title=self.title,
            commands=self.commands + other.commands,
            done=self.done + other.done,
            recovery=tuple(self.recovery) + tuple(other.recovery),
            **sums,
        )

    def __str__(self) -> str:
        counts = [self.commands, self.done, self.failed, self.seen]
        counts += [self.lost, self.again, self.twice, self.missing]
        cells = [self.group, self.title, *map(_number, counts)]
        return f"| {' | '.join(cells)} | {_times(self.recovery)} |"


def keep(row: Row, folder: Path) -> None:
    """Leave *row* in *folder*."""
    path = folder / f"{secrets.token_hex(8)}.json"
    path.write_text(json.dumps(asdict(row)), encoding="utf-8")


def kept(folder: Path) -> list[Row]:
    """The rows in *folder*, those of the same test as one."""
    rows: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for path in sorted(folder.glob("*.json")):
        fields = json.loads(path.read_text(encoding="utf-8"))
        row = Row(**{**fields, "recovery": tuple(fields["recovery"])})
        rows[row.key].append(row)
    return [_sum(each) for each in rows.values()]


def write(page: Path, rows: Iterable[Row]) -> None:
    """Put *rows* into the table in *page*. Raises ValueError if the page has no place for it."""
    text = page.read_text(encoding="utf-8")
    found = re.search(rf"{re.escape(BEGIN)}\n(.*?){re.escape(END)}", text, re.DOTALL)
    if found is None:
        raise ValueError(f"{page} has no place for the table, between {BEGIN} and {END}")
    lines = {key: line for line in found[1].splitlines() if (key := _key(line)) is not None}
    lines |= {row.key: str(row) for row in rows}
    table = "".join(f"{lines[key]}\n" for key in sorted(lines))
    page.write_text(
        f"{text[: found.start(1)]}\n{HEADER}{table}\n{text[found.end(1) :]}", encoding="utf-8"
    )


def _key(line: str) -> tuple[str, str] | None:
    cells = [cell.strip() for cell in line.strip("|").split(" | ")]
    is_row = line.startswith("| ") and len(cells) > 1 and cells[:2] != ["of", "fault"]
    return (cells[0], cells[1]) if is_row else None


def _total(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _sum(rows: Sequence[Row]) -> Row:
    total = rows[0]
    for row in rows[1:]:
        total += row
    return total


def _times(seconds: Sequence[float]) -> str:
    """One time as it is; of several the median, the 95th percentile and the longest."""
    if len(seconds) < 2:
        return "".join(f"{each:.1f}" for each in seconds) or "-"
    ordered = sorted(seconds)
    p95 = ordered[math.ceil(0.95 * len(ordered)) - 1]
    return (
        f"{statistics.median(ordered):.1f} / {p95:.1f} / {ordered[-1]:.1f} ({len(ordered)} times)"
    )
