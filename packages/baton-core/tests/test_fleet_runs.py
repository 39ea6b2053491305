"""Runs that are kept, and joined with what a monitor has seen since."""

from __future__ import annotations

import json
import logging
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from baton.errors import ConfigurationError
from baton.fleet import Failure, Result, Run, Runs, join, load_run
from baton.fleet.monitor_api import Seen
from baton.fleet.runs import default_folder

RESULT = Result(
    message_id="1f",
    extension="baton-ping",
    type="ping",
    targets=("production",),
    sent=1750000000.0,
    timeout=2.0,
    took=2.0,
    expected=3,
    answered=1,
    replies=1,
    missing=("web02", "web03"),
    missing_count=2,
)
DEADLINE = RESULT.sent + RESULT.timeout
RUN = Run(
    result=RESULT,
    deadline=DEADLINE,
    expected=frozenset({"web01", "web02", "web03"}),
    answered=frozenset({"web01"}),
)


def run(id: str) -> Run:
    return replace(RUN, result=replace(RESULT, message_id=id))


def kept(folder: Path, *ids: str) -> Runs:
    """Runs of these ids, each of another second."""
    runs = Runs(folder)
    for second, name in enumerate(ids):
        runs.keep(run(name))
        os.utime(folder / f"{name}.json", (second, second))
    return runs


def test_there_and_back(tmp_path: Path) -> None:
    runs = kept(tmp_path / "deep" / "runs", "1f")
    assert runs.load("1f") == RUN
    number_only = replace(run("2f"), expected=None)
    runs.keep(number_only)
    assert runs.load("2f") == number_only


def test_a_run_is_kept_in_place_of_what_was_kept_of_it(tmp_path: Path) -> None:
    runs = kept(tmp_path, "1f")
    later = replace(RUN, answered=frozenset())
    runs.keep(later)
    assert list(runs.all()) == [later]
    assert [path.name for path in tmp_path.iterdir()] == ["1f.json"]


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    kept(folder, "1f")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "1f.json").stat().st_mode) == 0o600


def test_the_last_one_and_one_by_its_beginning(tmp_path: Path) -> None:
    runs = kept(tmp_path, "3a", "1f", "3b")
    assert runs.load().result.message_id == "3b"
    assert runs.load("1").result.message_id == "1f"
    assert [each.result.message_id for each in runs.all()] == ["3b", "1f", "3a"]


@pytest.mark.parametrize(
    ("id", "complaint"),
    [
        ("3", "2 runs begin with 3: 3b, 3a"),
        ("4", "No run begins with 4 in"),
        ("../1f", "is no id of a run: it is made of 0-9 and a-f"),
        ("\x1b", '"�" is no id'),
        ("3A", "is no id"),
    ],
)
def test_an_id_that_means_no_run(tmp_path: Path, id: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        kept(tmp_path, "3a", "1f", "3b").load(id)


def test_there_may_be_none(tmp_path: Path) -> None:
    runs = Runs(tmp_path / "runs")
    assert list(runs.all()) == []
    with pytest.raises(ConfigurationError, match="No run is kept in"):
        runs.load()


def test_the_last_hundred_are_kept(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    ids = [f"{number:x}" for number in range(100)]
    runs = kept(tmp_path, *ids)
    runs.keep(run("fff"))
    assert {each.result.message_id for each in runs.all()} == {"fff", *ids[1:]}
    assert (tmp_path / "notes.txt").exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is no run: Expecting value"),
        (b"[]", "is no run: it is no object"),
        (b"{}", 'is no run: "expected" is not there'),
        (b'{"expected": null, "result": {}}', 'is no run: "schema" is not there'),
        (json.dumps({**RUN.to_document(), "deadline": "x"}).encode(), 'is no run: "x" is no time'),
        (
            json.dumps({**RUN.to_document(), "answered": 1}).encode(),
            'is no run: "answered" should be',
        ),
    ],
)
def test_a_file_that_is_no_run(
    tmp_path: Path, content: bytes, complaint: str, caplog: pytest.LogCaptureFixture
) -> None:
    runs = kept(tmp_path, "1f")
    (tmp_path / "2f.json").write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"2f.json {complaint}"):
        runs.load("2")
    assert [each.result.message_id for each in runs.all()] == ["1f"]
    assert "2f.json" in caplog.text


def test_a_run_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "1f.json").mkdir()
    with pytest.raises(ConfigurationError, match="Is a directory"):
        Runs(tmp_path).load()


def test_what_is_in_the_folder_besides_keeps_no_run_from_being_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "abc.json").symlink_to("abc.json")
    (tmp_path / "abd.json").mkdir()
    for path in (tmp_path / "abc.json", tmp_path / "abd.json"):
        os.utime(path, (0, 0), follow_symlinks=False)
    runs = kept(tmp_path, "1f")
    assert [each.result.message_id for each in runs.all()] == ["1f"]
    assert runs.load("1f").result.message_id == "1f"
    caplog.clear()
    for number in range(100):
        runs.keep(run(f"2{number:x}"))
    assert len(list(tmp_path.glob("2*.json"))) == 100
    assert not caplog.records


def test_what_a_killed_process_was_writing_is_deleted_after_a_while(tmp_path: Path) -> None:
    old, fresh = tmp_path / ".1f.0123abcd", tmp_path / ".2f.0123abcd"
    other = tmp_path / ".notes"
    for path in (old, fresh, other):
        path.touch()
    for path in (old, other):
        os.utime(path, (1, 1))
    kept(tmp_path, "3f")
    assert (old.exists(), fresh.exists(), other.exists()) == (False, True, True)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for read in (lambda runs: runs.load(), lambda runs: list(runs.all())):
        with pytest.raises(ConfigurationError, match="file: Not a directory"):
            read(Runs(tmp_path / "file"))


def test_what_cannot_be_kept_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    runs = Runs(tmp_path / "file" / "runs")
    for _ in range(3):
        runs.keep(RUN)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "cannot be kept" in record.getMessage()
    assert "Not a directory" in record.getMessage()


@pytest.mark.parametrize(
    ("state", "folder"),
    [
        ("/var/state", "/var/state/baton/runs"),
        ("", "/home/alice/.local/state/baton/runs"),
        ("relative", "/home/alice/.local/state/baton/runs"),
    ],
)
def test_the_folder_of_a_user(state: str, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    monkeypatch.setenv("XDG_STATE_HOME", state)
    assert str(default_folder()) == folder


def test_the_runs_of_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    Runs().keep(RUN)
    assert load_run() == load_run("1f") == RUN


def seen(fqdn: str, after: float, type: str = "pong", **body: Any) -> Seen:
    return Seen(fqdn, DEADLINE + after, type, {"environment": "production", **body})


def test_who_was_seen_after_the_deadline_is_late_and_not_missing() -> None:
    result = join(RUN, [seen("web01", -1), seen("web02", 1), seen("web03", 2), seen("web03", 9)])
    assert (result.late, result.missing, result.missing_count) == (("web02", "web03"), (), 0)
    assert result.answered == 1
    assert result.succeeded


def test_who_was_seen_in_time_has_answered() -> None:
    result = join(RUN, [seen("web02", -1), seen("web02", 5)])
    assert (result.answered, result.late, result.missing) == (2, (), ("web03",))
    assert result.missing_count == 1
    assert not result.succeeded


def test_nothing_seen_changes_nothing() -> None:
    assert join(RUN, []) == RESULT
    assert join(RUN, [seen("web01", -1), seen("", 1)]) == RESULT


def test_of_a_number_each_who_comes_is_one_less() -> None:
    numbered = replace(RUN, expected=None, result=replace(RESULT, missing=()))
    result = join(numbered, [seen("web02", 1), seen("web02", 2), seen("web01", 1)])
    assert (result.missing_count, result.late) == (1, ("web02",))


def test_who_was_not_expected_is_unexpected() -> None:
    result = join(RUN, [seen("web77", 1)])
    assert (result.unexpected, result.late) == (("web77",), ())
    assert result.missing_count == 2


def test_who_was_seen_to_fail_has_failed() -> None:
    errors = [
        seen("web02", 1, "error", error_class="Oops", error_message="no"),
        seen("web02", 2, "error"),
    ]
    result = join(RUN, errors)
    assert result.errors == (Failure("web02", "failed", "Oops", "no"),)
    before = (Failure("web02", "failed", "Oops", "before"), Failure("", "failed"))
    again = replace(RUN, result=replace(RESULT, errors=before))
    assert join(again, errors).errors == before


def test_who_was_seen_was_not_silent() -> None:
    quiet = replace(RUN, result=replace(RESULT, silent=("production", "staging")))
    assert join(quiet, [seen("web02", 1)]).silent == ("staging",)


def test_a_run_that_was_interrupted_is_whole_when_nobody_is_missing() -> None:
    broken = replace(RUN, result=replace(RESULT, interrupted=True))
    assert join(broken, [seen("web02", -1)]).interrupted
    assert join(broken, [seen("web02", -1), seen("web03", -1)]).succeeded
