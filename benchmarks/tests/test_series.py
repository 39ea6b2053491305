from __future__ import annotations

from pathlib import Path

import pytest

from bench import series
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


def test_one_point_or_nothing_at_first_has_no_factor(found: list[Series]) -> None:
    assert found[1].factor is None
    found[1].points = [(1, 0), (2, 5)]
    assert found[1].factor is None


def test_what_is_written_is_read(found: list[Series], tmp_path: Path) -> None:
    series.write(found, {"when": "now"}, tmp_path / "results" / "growth.json")
    assert series.read(tmp_path / "results" / "growth.json") == found


def test_a_terminal_sees_the_points_and_the_factor(found: list[Series]) -> None:
    lines = series.text(found).splitlines()
    assert "Throughput (msg/s), by servers" in lines
    assert "         1,000       4,000.0" in lines
    assert "  × 0.80, while that grew × 100" in lines


def test_series_of_one_id_share_a_page(found: list[Series], tmp_path: Path) -> None:
    found.append(Series("fleet", "servers", "Memory", "MiB", [(10, 44)]))
    written = series.draw(found, tmp_path)
    assert [path.name for path in written] == [
        "growth_fleet.png",
        "growth_fleet.svg",
        "growth_size.png",
        "growth_size.svg",
    ]
    assert written[0].read_bytes().startswith(b"\x89PNG")
