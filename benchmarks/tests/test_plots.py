from __future__ import annotations

from pathlib import Path

import pytest

from bench.plots import draw, draw_growth, short
from bench.results import Results
from bench.series import Series
from bench.subjects import BATON, FASTSTREAM


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_bars_have_the_medians_of_all_subjects(tmp_path: Path) -> None:
    results = Results.begin(1, True)
    for rate in (11_000, 12_345, 13_000):
        results.add("rate_least", BATON, rate)
    results.add("rate_least", FASTSTREAM, 3_210)
    written = draw(results, tmp_path)
    assert names(written) == ["rate_least.png", "rate_least.svg"]
    assert written[0].read_bytes().startswith(b"\x89PNG")
    drawing = written[1].read_text()
    for said in (BATON, FASTSTREAM, "12,345", "3,210", "msg/s (more is better)"):
        assert said in drawing


def test_series_of_one_id_share_a_plot_with_names_of_its_axes(tmp_path: Path) -> None:
    rate = Series("fleet", "servers", "Throughput", "msg/s", {10: [5000, 6000], 1000: [4000]})
    memory = Series("fleet", "servers", "Memory", "MiB", {10: [44], 1000: [70]})
    volume = Series("size", "bytes", "Volume", "MiB/s", {100: [1], 100_000: [90]})
    written = draw_growth([rate, volume, memory], tmp_path)
    assert names(written) == [
        "growth_fleet.png",
        "growth_fleet.svg",
        "growth_size.png",
        "growth_size.svg",
    ]
    drawing = written[1].read_text()
    for said in ("servers", "Throughput", "msg/s", "Memory", "MiB", "1k"):
        assert f">{said}<" in drawing


def test_the_same_results_make_the_same_drawing(tmp_path: Path) -> None:
    rate = Series("fleet", "servers", "Throughput", "msg/s", {10: [5000]})
    first, second = (draw_growth([rate], tmp_path / name)[1].read_text() for name in "ab")
    assert first == second


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (7.5, "7.5"), (999, "999"), (30_000, "30k"), (1_048_576, "1.05M")]
)
def test_a_number_on_an_axis_is_short(value: float, said: str) -> None:
    assert short(value) == said
