"""Log files that are opened anew."""

from __future__ import annotations

import logging
import os
import signal
import stat
from io import TextIOWrapper
from pathlib import Path

import pytest

from baton.lifecycle import run_until_signalled
from baton.log_file import LogFile, log_files, reopen_log_files

logger = logging.getLogger("baton.x")
pytestmark = pytest.mark.usefixtures("own_logging")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """What the root logger logs to."""
    path = tmp_path / "x.log"
    logging.basicConfig(level="INFO", handlers=[LogFile(path)], format="%(message)s")
    return path


class Full(TextIOWrapper):
    """A file on a disk that is full."""

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


class Disk(TextIOWrapper):
    """A file on a disk that may be full."""

    is_full = True

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_the_log_goes_on_in_a_new_file(path: Path) -> None:
    logger.info("before")
    rotated = path.rename(f"{path}.1")
    logger.info("between")
    reopen_log_files()
    logger.info("after ä")
    assert rotated.read_text() == "before\nbetween\n"
    assert path.read_text(encoding="utf-8") == "after ä\n"


def test_a_file_that_is_still_there_is_appended_to(path: Path) -> None:
    logger.info("before")
    reopen_log_files()
    logger.info("after")
    assert path.read_text() == "before\nafter\n"


def test_the_log_goes_on_in_the_old_file_if_there_can_be_no_new_one(path: Path) -> None:
    rotated = path.rename(f"{path}.1")
    path.mkdir()
    reopen_log_files()
    logger.info("after")
    assert rotated.read_text() == (
        f"LOG_FILE: {path} cannot be opened anew: Is a directory; the log goes on in the old file\n"
        "after\n"
    )


def test_what_was_gathered_before_stays_in_the_old_file(path: Path) -> None:
    (file,) = log_files()
    file.gather("before")
    rotated = path.rename(f"{path}.1")
    reopen_log_files()
    file.gather("after")
    file.flush()
    assert rotated.read_text() == "before\n"
    assert path.read_text() == "after\n"


def test_what_is_no_utf_8_is_escaped(path: Path) -> None:
    logger.info("half a pair: %s", "\ud800")
    assert path.read_text() == "half a pair: \\ud800\n"


def test_what_is_logged_after_the_end_is_kept(path: Path) -> None:
    (file,) = log_files()
    file.close()
    logger.info("after")
    assert path.read_text() == "after\n"


def test_it_is_for_the_user_and_the_group_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = LogFile(tmp_path / "y.log")
        assert stat.S_IMODE((tmp_path / "y.log").stat().st_mode) == 0o640
        (tmp_path / "y.log").unlink()
        file.reopen()
        assert stat.S_IMODE((tmp_path / "y.log").stat().st_mode) == 0o640
        file.close()
    finally:
        os.umask(before)


def test_what_the_old_file_has_no_room_for(path: Path) -> None:
    (file,) = log_files()
    assert file.stream is not None
    file.stream.close()
    file.stream = old = Full(path.rename(f"{path}.1").open("ab"), encoding="utf-8")
    reopen_log_files()
    logger.info("after")
    assert old.buffer.closed
    assert path.read_text() == (
        "LOG_FILE: the end of what was logged until now is lost: No space left on device\nafter\n"
    )


def test_a_disk_that_fails_is_told_of_once_and_hurts_nobody(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = log_files()
    logger.info("1")
    assert file.stream is not None
    file.stream.close()
    file.stream = disk = Disk(path.open("ab"), encoding="utf-8")
    logger.info("2")
    logger.info("3")
    disk.is_full = False
    logger.info("4")
    logger.info("5")
    assert path.read_text().splitlines() == [
        "1",
        "4",
        f"LOG_FILE: {path} is written again, records are missing",
        "5",
    ]
    full = f"LOG_FILE: {path} cannot be written: No space left on device\n"
    assert capsys.readouterr() == ("", full)


def test_a_disk_that_takes_no_lines_of_commands_is_told_of_once(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = log_files()
    assert file.stream is not None
    file.stream.close()
    file.stream = disk = Disk(path.open("ab"), encoding="utf-8")
    for number in range(3):
        file.gather(str(number))
        file.write_gathered()
    disk.is_full = False
    file.gather("3")
    file.write_gathered()
    assert path.read_text().splitlines() == [
        "3",
        f"LOG_FILE: {path} is written again, records are missing",
    ]
    full = f"LOG_FILE: {path} cannot be written: No space left on device\n"
    assert capsys.readouterr() == ("", full)


def test_a_full_disk_costs_no_memory_and_no_error_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = LogFile(Path("/dev/full"))
    logging.basicConfig(level="INFO", handlers=[file], format="%(message)s", force=True)
    for _ in range(1000):
        logger.info("x" * 1000)
    logging.getLogger().removeHandler(file)
    file.close()
    said = "LOG_FILE: /dev/full cannot be written: No space left on device\n"
    assert capsys.readouterr() == ("", said)


def test_nobody_can_be_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = log_files()
    disk = Disk(path.open("ab"), encoding="utf-8")
    monkeypatch.setattr("sys.stderr", disk)
    file.complain("it is full")
    disk.close()
    file.complain("it is full")
    monkeypatch.setattr("sys.stderr", None)
    file.complain("it is full")


def test_a_record_that_cannot_be_shown_is_no_fault_of_the_disk(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = log_files()
    file.handle(logging.LogRecord("x", logging.INFO, "x.py", 1, "%d", ("x",), None))
    logger.info("after")
    assert path.read_text() == "after\n"
    assert "TypeError" in capsys.readouterr().err


def test_other_handlers_are_left_alone(path: Path) -> None:
    logging.getLogger().addHandler(logging.NullHandler())
    assert [file.baseFilename for file in log_files()] == [str(path)]
    reopen_log_files()


def test_a_path_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = LogFile(Path("y.log"))
    monkeypatch.chdir("/")
    file.reopen()
    assert (tmp_path / "y.log").samefile(f"/proc/self/fd/{file.fileno()}")
    file.close()


def test_a_closed_file_has_no_descriptor(path: Path) -> None:
    (file,) = log_files()
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.fileno()


def test_sighup_opens_it_anew(path: Path) -> None:
    rotated = path.rename(f"{path}.1")

    async def start() -> None:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)

    async def stop() -> None:
        pass

    assert run_until_signalled(start, stop, 5) == 0
    assert path.read_text() == "Stopping on SIGTERM\n"
    assert rotated.read_text() == ""
