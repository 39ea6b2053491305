"""Where log records go."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from baton.cli.log import LEVELS, setup_logging
from baton.errors import ConfigurationError

pytestmark = pytest.mark.usefixtures("own_logging")

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING a disk is full\n")


def test_records_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info")
    logging.getLogger("baton.x").warning("a disk is %s", "full")
    said = capsys.readouterr()
    assert said.out == ""
    assert LINE.fullmatch(said.err)


def test_records_go_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.log"
    file.write_text("before\n")
    setup_logging("info")
    setup_logging("info", file)
    logging.getLogger("baton.x").warning("a disk is full")
    before, after = file.read_text().splitlines(keepends=True)
    assert before == "before\n"
    assert LINE.fullmatch(after)
    assert capsys.readouterr() == ("", "")


def test_a_file_is_in_utf_8(tmp_path: Path) -> None:
    setup_logging("info", tmp_path / "x.log")
    logging.getLogger("baton.x").warning("größer 😀")
    assert (tmp_path / "x.log").read_text(encoding="utf-8").endswith("größer 😀\n")


@pytest.mark.parametrize("level", LEVELS)
def test_the_level(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging(level)
    for each in LEVELS:
        logging.getLogger("baton.x").log(logging.getLevelNamesMapping()[each.upper()], "%s", each)
    said = [line.split()[-1] for line in capsys.readouterr().err.splitlines()]
    assert said == list(LEVELS[LEVELS.index(level) :])


@pytest.mark.parametrize("name", ["aio_pika.connection", "aiormq.connection", "pika.adapters"])
def test_client_libraries_are_silent(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("debug")
    logging.getLogger(name).error("the connection was lost")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "reason"), [("", "Is a directory"), ("no/x.log", "No such file or directory")]
)
def test_a_file_that_cannot_be_written(tmp_path: Path, name: str, reason: str) -> None:
    file = tmp_path / name
    with pytest.raises(ConfigurationError) as caught:
        setup_logging("info", file)
    assert str(caught.value) == f"LOG_FILE: {file} cannot be written: {reason}"
