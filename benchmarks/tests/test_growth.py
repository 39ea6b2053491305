from __future__ import annotations

from pathlib import Path

import pytest

from bench import growth, page
from bench.growing import GROWING, Costs, Growing
from bench.results import Results
from bench.series import Series, write


def growing(once_from: int = 1000) -> Growing:
    """A thing that grows, whose cost is its size; of size 100 it cannot be measured."""

    def measure(url: str, size: int) -> Costs:
        assert url == "amqp://"
        if size == 100:
            raise TimeoutError("0 of 1 pongs came")
        return size, 2.0

    return Growing(
        "fleet", "servers", (10, 100, 1000), (("A", "µs"), ("B", "MiB")), measure, once_from
    )


def test_each_size_is_measured_in_each_round_and_the_greatest_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (first, second), rounds = growth.measure("amqp://", [growing()], 1000, 3)
    assert rounds == 3
    assert first.samples == {10: [10, 10, 10], 1000: [1000]}
    assert second.samples == {10: [2, 2, 2], 1000: [2]}
    assert "100 servers: failed: TimeoutError: 0 of 1 pongs came" in capsys.readouterr().out


def test_greater_sizes_can_be_left_out() -> None:
    (first, _), _ = growth.measure("amqp://", [growing()], 10, 1)
    assert list(first.samples) == [10]


def test_no_round_begins_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "BUDGET", 0.0)
    (first, _), rounds = growth.measure("amqp://", [growing()], 1000, 3)
    assert rounds == 1
    assert first.samples[10] == [10]


@pytest.mark.parametrize("part", GROWING, ids=lambda part: part.id)
def test_the_sizes_of_what_grows_grow(part: Growing) -> None:
    assert list(part.sizes) == sorted(set(part.sizes))
    assert part.sizes[0] < part.once_from


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "--rounds has to be 1 or more"),
        (["--save", "--part", "fleet"], "--save keeps a whole run"),
        (["--save", "--most", "10"], "--save keeps a whole run"),
        (["--part", "speed"], "invalid choice: 'speed'"),
    ],
)
def test_a_wrong_use_says_what_is_wrong(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        growth.parse(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(growth, "KEPT", tmp_path / "growth.json")
    monkeypatch.setattr(growth, "FOLDER", tmp_path)
    monkeypatch.setattr(page, "PAGE", tmp_path / "performance.md")
    page.PAGE.write_text("<!-- growth: begin -->\n<!-- growth: end -->\n")
    return tmp_path


def results(whole: bool) -> dict[str, object]:
    return {**Results.begin(3, quick=False).about, "whole": whole}


def test_a_whole_run_is_saved_in_the_page(kept: Path) -> None:
    write([Series("fleet", "servers", "CPU", "µs", {10: [80]})], results(True), growth.KEPT)
    assert growth.main(["--draw", "--save"]) == 0
    written = page.PAGE.read_text()
    assert "medians of 3 interleaved rounds." in written
    assert "| 10 | 80.0 |" in written
    assert f"]({page.IMAGES}/growth_fleet.svg)" in written
    assert "servers" in (kept / page.IMAGES / "growth_fleet.svg").read_text()


def test_what_was_measured_in_part_is_not_saved(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write([Series("fleet", "servers", "CPU", "µs", {10: [80]})], results(False), growth.KEPT)
    assert growth.main(["--draw", "--save"]) == 2
    assert "not of a whole run" in capsys.readouterr().err
    assert "80" not in page.PAGE.read_text()


def test_nothing_to_draw_says_how_to_make_it(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert growth.main(["--draw"]) == 2
    assert "`hatch run bench:growth` makes one" in capsys.readouterr().err
