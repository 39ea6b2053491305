from __future__ import annotations

from pathlib import Path

import pytest

from bench import __main__ as command
from bench import table
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


def test_a_baseline_that_is_missing_is_said_before_anything_is_measured(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--guard") == 2
    assert "baseline.json: there is no such file" in capsys.readouterr().err


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


def test_a_whole_run_is_saved_as_the_baseline_and_in_the_page(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = kept / "performance.md"
    page.write_text(f"# Performance\n\n{table.BEGIN}\n{table.END}\n")
    monkeypatch.setattr(table, "PAGE", page)
    whole = results(600)
    whole.about["whole"] = True
    whole.write(kept / "latest.json")
    assert run(monkeypatch, "--save") == 0
    assert Results.read(kept / "baseline.json") == whole
    assert "| Throughput, at least once, beside FastStream | ≥ 6 × | 6 × | met |" in (
        page.read_text()
    )


def test_no_round_is_no_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.parse(["--rounds", "0"])
    assert ended.value.code == 2
    assert "--rounds has to be 1 or more" in capsys.readouterr().err
