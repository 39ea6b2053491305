"""Handlers that write the lines of commands in one go."""

from __future__ import annotations

import io
import logging
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from baton.gathering import (
    AUDIT_LOGGER,
    GatheringHandler,
    gathering_handlers,
    write_gathered,
)

logger = logging.getLogger("baton.x")
pytestmark = pytest.mark.usefixtures("own_logging")


class Paper(io.StringIO):
    """Keeps what is written each time."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return len(text)


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def handler(paper: Paper) -> GatheringHandler:
    """What the root logger logs to: a paper."""
    handler = GatheringHandler(paper)
    logging.basicConfig(level="INFO", handlers=[handler], format="%(message)s")
    return handler


def test_lines_are_written_in_one_go(handler: GatheringHandler, paper: Paper) -> None:
    handler.gather("1")
    handler.gather("2")
    assert paper.writes == []
    write_gathered()
    write_gathered()
    assert paper.writes == ["1\n2\n"]


def test_a_record_is_written_at_once_after_what_came_before_it(
    handler: GatheringHandler, paper: Paper
) -> None:
    handler.gather("1")
    logger.info("2")
    assert "".join(paper.writes) == "1\n2\n"
    handler.gather("3")
    write_gathered()
    assert "".join(paper.writes) == "1\n2\n3\n"


def test_one_can_be_told_once_when_something_is_written(
    handler: GatheringHandler, paper: Paper
) -> None:
    told: list[str] = []
    handler.gather("1")
    handler.when_written(lambda: told.append("".join(paper.writes)))
    assert told == []
    write_gathered()
    assert told == [""]  # right before: what is gathered from now on is written the next time
    logger.info("2")
    assert told == [""]
    handler.when_written(lambda: told.append("record"))
    logger.info("3")
    assert told == ["", "record"]


def test_a_record_that_is_left_out_changes_nothing(handler: GatheringHandler, paper: Paper) -> None:
    handler.gather("1")
    logger.debug("2")
    assert paper.writes == []


def test_no_more_is_gathered_than_64_kib(handler: GatheringHandler, paper: Paper) -> None:
    for _ in range(64):
        handler.gather("x" * 1024)
    assert paper.writes == []
    handler.gather("y")
    assert [len(text) for text in paper.writes] == [64 * 1025 + 2]
    handler.gather("z")
    assert len(paper.writes) == 1


@pytest.mark.parametrize("end", [GatheringHandler.flush, GatheringHandler.close])
def test_nothing_is_left_at_the_end(
    handler: GatheringHandler, paper: Paper, end: Callable[[GatheringHandler], None]
) -> None:
    handler.gather("1")
    end(handler)
    assert paper.writes == ["1\n"]


def test_nothing_is_left_when_the_process_ends(
    tmp_path: Path, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    ended = run(
        "-c",
        "import logging, sys; from baton.gathering import GatheringHandler\n"
        "handler = GatheringHandler(sys.stderr)\n"
        "logging.getLogger().addHandler(handler)\n"
        "handler.gather('the last line')\n",
    )
    assert (ended.returncode, ended.stderr) == (0, "the last line\n")


def test_what_is_gathered_is_not_written_by_a_fork_too(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    ended = run(
        "-c",
        "import logging, os, sys; from baton.gathering import GatheringHandler\n"
        "handler = GatheringHandler(sys.stderr)\n"
        "logging.getLogger().addHandler(handler)\n"
        "handler.gather('of the parent')\n"
        "if not os.fork():\n"
        "    handler.gather('of the child')\n"
        "    sys.exit()\n"
        "os.wait()\n",
    )
    assert (ended.returncode, ended.stderr) == (0, "of the child\nof the parent\n")


def test_no_line_of_many_threads_is_lost(handler: GatheringHandler, paper: Paper) -> None:
    count = 2000

    def work(name: str) -> None:
        for number in range(count):
            handler.gather(f"{name} {number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        write_gathered()
    write_gathered()
    lines = "".join(paper.writes).splitlines()
    for name in "abc":
        mine = [line for line in lines if line.startswith(name)]
        assert mine == [f"{name} {number}" for number in range(count)]


def test_a_stream_that_fails_hurts_nobody(
    handler: GatheringHandler, paper: Paper, capsys: pytest.CaptureFixture[str]
) -> None:
    handler.setStream(closed := io.StringIO())
    closed.close()
    handler.gather("1")
    write_gathered()
    logger.info("2")
    said = capsys.readouterr().err
    assert said.count("ValueError: I/O operation on closed file") == 2
    assert "Message: 'Lines of commands'" in said
    assert "Message: '2'" in said
    handler.setStream(paper)
    logger.info("3")
    assert paper.writes == ["3\n"]


def test_a_record_that_cannot_be_shown(
    handler: GatheringHandler, paper: Paper, capsys: pytest.CaptureFixture[str]
) -> None:
    handler.handle(logging.LogRecord("x", logging.INFO, "x.py", 1, "%d", ("x",), None))
    assert paper.writes == []
    assert "TypeError" in capsys.readouterr().err


def test_those_of_the_log_and_of_the_audit_are_found(handler: GatheringHandler) -> None:
    audit = GatheringHandler(io.StringIO())
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger(AUDIT_LOGGER).addHandler(audit)
    try:
        assert gathering_handlers() == [handler, audit]
    finally:
        logging.getLogger(AUDIT_LOGGER).removeHandler(audit)
