"""One process uses a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from baton import ConfigurationError
from baton_ping_monitor.store.single import Single

HOLD = """
import sys
from pathlib import Path
from baton_ping_monitor.store.single import Single
single = Single.hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that holds the file."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "a.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_told_so(other: subprocess.Popen[str], tmp_path: Path) -> None:
    try:
        with pytest.raises(ConfigurationError, match=r"a\.db is used by another dashboard"):
            Single.hold(tmp_path / "a.db", patience=0)
    finally:
        other.communicate("")
    Single.hold(tmp_path / "a.db", patience=0).release()


def test_one_that_was_killed_holds_nothing(other: subprocess.Popen[str], tmp_path: Path) -> None:
    other.kill()
    Single.hold(tmp_path / "a.db").release()
    other.communicate()


def test_one_that_is_being_stopped_is_waited_for(
    other: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        other.communicate("")

    monkeypatch.setattr("baton_ping_monitor.store.single.time.sleep", nap)
    Single.hold(tmp_path / "a.db", patience=60).release()
    assert len(naps) == 1


def test_it_is_released_once(tmp_path: Path) -> None:
    single = Single.hold(tmp_path / "a.db")
    single.release()
    single.release()
    Single.hold(tmp_path / "a.db", patience=0).release()
