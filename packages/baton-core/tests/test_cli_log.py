"""Where log records go."""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from baton.cli.log import JsonFormatter, TextFormatter, setup_logging
from baton.cli.options import FORMATS, LEVELS
from baton.command_log import CommandLog, Told
from baton.errors import ConfigurationError

pytestmark = pytest.mark.usefixtures("own_logging")

logger = logging.getLogger("baton.x")

TIME = re.compile(r"\d{4}-\d\d-\d\d.\d\d:\d\d:\d\d.\d{3}")
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


PONG = '{"type":"pong", "note": "gr\\u00f6\\u00dfer \\" \\u001b", "n": null}'


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize(("kind", "before"), [("output", ""), ("audit", "audit ")])
def test_a_line_without_a_record_reads_as_one_with(
    tmp_path: Path, style: str, kind: str, before: str
) -> None:
    file = tmp_path / "x.log"
    setup_logging("info", file, style)
    CommandLog(logger, kind, before).info(PONG)
    logger.info("%s%s", before, Told(PONG), extra={f"baton_{kind}": Told(PONG)})
    without, with_record = (TIME.sub("TIME", line) for line in file.read_text("utf-8").splitlines())
    assert without == with_record
    assert "TIME" in without
    assert PONG in without


@pytest.mark.parametrize("created", [0.0, 1750000000.0, 1750000000.0015, 1750000000.9995])
def test_the_time_is_written_as_the_library_does(created: float) -> None:
    record = logger.makeRecord("baton.x", logging.INFO, "", 0, "x", (), None)
    record.created, record.msecs = created, int(created % 1 * 1000)
    library = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s")
    assert TextFormatter().format(record) == library.format(record)


def test_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info")
    try:
        raise KeyError("x")
    except KeyError:
        logger.exception("It failed", stack_info=True)
    first, second, *_ = said = capsys.readouterr().err.splitlines()
    assert first.endswith(" ERROR   It failed")
    assert second == "Traceback (most recent call last):"
    assert "KeyError: 'x'" in said
    assert "Stack (most recent call last):" in said


class Awkward:
    """What cannot even be shown."""

    def __repr__(self) -> str:
        raise ValueError("no")


@pytest.fixture
def entries(tmp_path: Path) -> Any:
    """Logs in JSON, and returns what was logged: each line is an object."""
    file = tmp_path / "x.log"
    setup_logging("info", file, "json")

    def read() -> list[Any]:
        lines = file.read_text().splitlines()
        return [json.loads(line, parse_constant=pytest.fail) for line in lines]

    return read


def test_json_lines(entries: Any) -> None:
    logger.warning("a disk is %s", "full\nor größer \ud800")
    (entry,) = entries()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("time"))
    assert entry == {
        "level": "warning",
        "logger": "baton.x",
        "message": "a disk is full\nor größer \ud800",
    }


def test_json_of_an_output(entries: Any) -> None:
    output = {"type": "pong", "fqdn": "web01.example.org", "app_names": ["shop"]}
    logger.info("%s", output, extra={"baton_output": output})
    (entry,) = entries()
    assert entry["output"] == output
    assert entry["message"] == str(output)


@pytest.mark.parametrize("kind", ["output", "audit"])
def test_json_of_what_is_told_of_a_command(entries: Any, kind: str) -> None:
    logger.error("%s", Told(PONG), extra={f"baton_{kind}": Told(PONG)})
    (entry,) = entries()
    assert (entry["level"], entry["message"]) == ("error", kind)
    assert entry[kind] == {"type": "pong", "note": 'größer " \x1b', "n": None}


def test_json_of_an_error(entries: Any) -> None:
    try:
        raise KeyError("x")
    except KeyError:
        logger.exception("It failed")
    (entry,) = entries()
    assert entry["error"].startswith("Traceback (most recent call last):\n")
    assert entry["error"].endswith("\nKeyError: 'x'")
    assert entry["message"] == "It failed"


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ({"path": Path("/x")}, {"path": "PosixPath('/x')"}),
        ({"free": float("nan")}, "{'free': nan}"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        ({"x": Awkward()}, "<dict: ValueError>"),
    ],
)
def test_json_of_what_is_none(entries: Any, output: object, shown: object) -> None:
    logger.info("an output", extra={"baton_output": output})
    (entry,) = entries()
    assert (entry["message"], entry["output"]) == ("an output", shown)


def test_json_of_an_output_in_a_circle(entries: Any) -> None:
    output: dict[str, object] = {}
    output["self"] = output
    logger.info("an output", extra={"baton_output": output})
    assert entries()[0]["output"] == "{'self': {...}}"


@pytest.mark.parametrize(
    ("arguments", "message"), [((1, 2), "%d disks (1, 2)"), ((Awkward(),), "%d disks <tuple: ")]
)
def test_json_of_a_wrong_format(arguments: tuple[object, ...], message: str) -> None:
    record = logger.makeRecord("baton.x", logging.INFO, "", 0, "%d disks", arguments, None)
    assert json.loads(JsonFormatter().format(record))["message"].startswith(message)


def test_json_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info", style="json")
    logger.info("x", exc_info=sys.exc_info())
    assert json.loads(capsys.readouterr().err)["message"] == "x"
