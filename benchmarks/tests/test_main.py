from __future__ import annotations

from pathlib import Path

import pytest

from bench import __main__ as command
from bench import page
from bench.results import Results
from bench.subjects import BATON, FASTSTREAM


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "BASELINE", tmp_path / "baseline.json")
    monkeypatch.setattr(command, "LATEST", tmp_path / "latest.json")
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    return tmp_path


def results(rate: float) -> Results:
    found = Results.begin(1, True)
    found.add("rate_least", BATON, rate)
    found.add("rate_least", FASTSTREAM, 100)
    return found


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["bench", "--draw", *arguments])
    return command.main()


def test_the_latest_results_are_shown_and_drawn(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results(600).write(kept / "latest.json")
    assert run(monkeypatch) == 0
    assert "beside FastStream: 6 ×" in capsys.readouterr().out
    assert (kept / "rate_least.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (kept / "rate_least.svg").read_text()


@pytest.mark.parametrize(
    ("now", "strict", "code"), [(600, True, 0), (300, False, 0), (300, True, 1)]
)
def test_the_guard_fails_only_where_it_is_strict(
    kept: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    now: float,
    strict: bool,
    code: int,
) -> None:
    results(600).write(kept / "baseline.json")
    results(now).write(kept / "latest.json")
    assert run(monkeypatch, "--guard", *(["--strict"] if strict else [])) == code
    said = capsys.readouterr().out
    assert f"1 ratios compared, {int(now < 600)} of them worse" in said


@pytest.mark.parametrize(("more", "code"), [([], 0), (["--strict"], 1)])
def test_without_a_baseline_nothing_is_measured(
    kept: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    code: int,
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--quick", "--guard", *more])
    assert command.main() == code
    assert "baseline.json: there is no baseline to compare with" in capsys.readouterr().out
    assert not (kept / "latest.json").exists()


def test_a_regression_is_an_annotation_on_github(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    results(600).write(kept / "baseline.json")
    results(300).write(kept / "latest.json")
    assert run(monkeypatch, "--guard") == 0
    assert (
        "::warning::Throughput, at least once, beside FastStream: 3 ×, in the baseline 6 ×"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize("part", [["--quick"], ["--only", "baton"], ["--part", "start"]])
def test_a_part_of_a_run_is_no_baseline(
    capsys: pytest.CaptureFixture[str], part: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.parse(["--save", *part])
    assert ended.value.code == 2
    assert "--save keeps a whole run" in capsys.readouterr().err


def test_what_was_measured_in_part_is_not_saved_later(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results(600).write(kept / "latest.json")
    assert run(monkeypatch, "--save") == 2
    assert "not of a whole run" in capsys.readouterr().err
    assert not (kept / "baseline.json").exists()


PAGE = """# Performance

<!-- measured: begin -->
<!-- measured: end -->
<!-- pulse: begin -->
Measured before.
<!-- pulse: end -->
"""


@pytest.fixture
def whole(kept: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    """Results of a whole run, and a page that they may be saved in."""
    monkeypatch.setattr(page, "PAGE", kept / "performance.md")
    page.PAGE.write_text(PAGE)
    whole = results(600)
    whole.about["whole"] = True
    return whole


def test_a_whole_run_is_saved_as_the_baseline_and_in_the_page(
    kept: Path, whole: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole.write(kept / "latest.json")
    assert run(monkeypatch, "--save") == 0
    assert Results.read(kept / "baseline.json") == whole
    written = page.PAGE.read_text()
    assert "| Throughput, at least once, beside FastStream | ≥ 6 × | 6 × | met |" in written
    assert f"]({page.IMAGES}/rate_least.svg)" in written
    assert "cpu_least" not in written
    assert "Measured before." in written
    assert "FastStream" in (kept / page.IMAGES / "rate_least.svg").read_text()


def test_a_pulse_that_was_measured_is_saved_in_the_page(
    kept: Path, whole: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole.add("pulse_broker_cpu", "10,000 servers, every 15 s", 40)
    whole.add("pulse_service_cpu", "10,000 servers, every 15 s", 20)
    whole.write(kept / "latest.json")
    assert run(monkeypatch, "--save") == 0
    written = page.PAGE.read_text()
    assert "| 10,000 servers, every 15 s | 40.0% of a core | 20.0% |" in written
    assert "Measured before." not in written


def test_no_round_is_no_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.parse(["--rounds", "0"])
    assert ended.value.code == 2
    assert "--rounds has to be 1 or more" in capsys.readouterr().err
