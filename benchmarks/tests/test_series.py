from __future__ import annotations

from pathlib import Path

import pytest

from bench import series
from bench.results import WrongResults
from bench.series import Series


@pytest.fixture
def found() -> list[Series]:
    rate = Series("fleet", "servers", "Throughput", "msg/s")
    rate.add(10, 5000)
    rate.add(1000, 4000)
    memory = Series("size", "bytes", "Memory", "MiB")
    memory.add(100, 40.12345)
    return [rate, memory]


def test_the_factor_is_from_the_least_size_to_the_greatest(found: list[Series]) -> None:
    assert found[0].factor == 0.8
    found[0].add(1, 2000)
    assert found[0].factor == 2


def test_a_point_is_the_median_of_its_samples(found: list[Series]) -> None:
    for value in (5000, 9000, 1):
        found[0].add(10, value)
    assert found[0].points == [(10, 5000), (1000, 4000)]


def test_one_point_or_nothing_at_first_has_no_factor(found: list[Series]) -> None:
    assert found[1].factor is None
    nothing = Series("size", "bytes", "Memory", "MiB", {1: [0], 2: [5]})
    assert nothing.factor is None


def test_what_is_written_is_read(found: list[Series], tmp_path: Path) -> None:
    series.write(found, {"when": "now"}, tmp_path / "results" / "growth.json")
    assert series.read(tmp_path / "results" / "growth.json") == (found, {"when": "now"})


def test_a_file_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(WrongResults, match=r"no such file; `hatch run bench:growth` makes one"):
        series.read(tmp_path / "growth.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "Expecting"), ("[]", "not a growth of format"), ('{"format": 1}', "not a growth")],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "growth.json"
    path.write_text(text)
    with pytest.raises(WrongResults, match=message):
        series.read(path)


def test_a_terminal_sees_the_points_and_the_factor(found: list[Series]) -> None:
    lines = series.text(found).splitlines()
    assert "Throughput (msg/s), by servers" in lines
    assert "         1,000       4,000.0   4,000.0 – 4,000.0" in lines
    assert "  × 0.80, while that grew × 100" in lines


def test_a_page_has_a_line_for_each_size_and_a_column_for_each_cost(found: list[Series]) -> None:
    found.append(Series("fleet", "servers", "Memory", "MiB", {10: [44.25]}))
    together = series.by_what_grows(found)["fleet"]
    assert series.table(together).splitlines() == [
        "| servers | Throughput, msg/s | Memory, MiB |",
        "|--:|--:|--:|",
        "| 10 | 5,000 | 44.2 |",
        "| 1,000 | 4,000 | – |",
    ]


def test_what_has_no_samples_is_left_out() -> None:
    assert series.by_what_grows([Series("fleet", "servers", "Memory", "MiB")]) == {}
