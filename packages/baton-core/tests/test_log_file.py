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
