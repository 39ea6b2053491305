"""The table of what was measured."""

from pathlib import Path

import pytest

from faults.checker import check
from faults.history import Event, History, Kind
from faults.report import BEGIN, END, Row, keep, kept, write


def row(title: str, group: str = "broker", *recovery: float, lost: int = 0) -> Row:
    return Row(
        group=group,
        title=title,
        commands=1000,
        done=985,
        failed=5,
        seen=1980,
        lost=lost,
        again=3,
        twice=0,
        missing=10,
        recovery=recovery,
    )


def lines(page: Path) -> list[str]:
    return [line for line in page.read_text().splitlines() if line.startswith("| ")][1:]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "guarantees.md"
    path.write_text(f"# Before\n\n{BEGIN}\n{END}\n\nAfter\n")
    return path


def test_a_row_of_a_verdict() -> None:
    events = [
        Event(0.0, Kind.SENT, "a", "web01"),
        Event(0.5, Kind.FINISHED, "a", "web01", detail="done"),
        Event(1.0, Kind.HEALED),
        Event(2.5, Kind.ANSWERS, server="web01"),
        Event(3.0, Kind.SENT, "b", "web01"),
        Event(9.0, Kind.MISSING, "b", "web01"),
    ]
    verdict = check(History(events=events), expires=5.0, title="restart")
    assert str(Row.of("broker", verdict)) == (
        "| broker | restart | 2 | 1 | 0 | 0 | 0 | 0 | 0 | 1 | 1.5 |"
    )


def test_rows_are_sorted_by_group_and_title(page: Path) -> None:
    write(page, [row("b", "service"), row("b"), row("a", "broker", 1.25)])
    assert [line[:16] for line in lines(page)] == [
        "| broker | a | 1",
        "| broker | b | 1",
        "| service | b | ",
    ]
    assert lines(page)[0] == "| broker | a | 1,000 | 985 | 5 | 1,980 | 0 | 3 | 0 | 10 | 1.2 |"
    assert page.read_text().startswith("# Before\n\n")
    assert page.read_text().endswith(f"\n\n{END}\n\nAfter\n")


def test_rows_of_what_was_not_run_stay(page: Path) -> None:
    write(page, [row("a"), row("b")])
    write(page, [row("b", lost=7), row("c")])
    assert [line.split(" | ")[6] for line in lines(page)] == ["0", "7", "0"]
    before = page.read_text()
    write(page, [])
    assert page.read_text() == before


def test_rows_of_several_processes_are_merged(tmp_path: Path) -> None:
    for seconds in (1.0, 3.0, 2.0):
        keep(row("a", "broker", seconds), tmp_path)
    keep(row("b"), tmp_path)
    merged = {each.title: each for each in kept(tmp_path)}
    assert merged["a"].commands == 3000
    assert str(merged["a"]).endswith("| 2.0 / 3.0 / 3.0 (3 times) |")
    assert str(merged["b"]).endswith("| - |")


def test_what_was_not_measured_is_no_zero(tmp_path: Path) -> None:
    one = Row(group="reconnecting", title="reset", commands=100, done=99, recovery=(1.0,))
    for _ in range(2):
        keep(one, tmp_path)
    (both,) = kept(tmp_path)
    assert str(both) == (
        "| reconnecting | reset | 200 | 198 | - | - | - | - | - | - | 1.0 / 1.0 / 1.0 (2 times) |"
    )


def test_a_page_without_a_place_for_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(ValueError, match="has no place for the table"):
        write(page, [row("a")])
