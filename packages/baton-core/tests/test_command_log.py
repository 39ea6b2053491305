"""What is logged of each command, with a record or without one."""

from __future__ import annotations

import io
import logging
import pickle
from collections.abc import Callable, Iterator

import pytest

from baton.command_log import CommandFormatter, CommandLog, Told
from baton.gathering import GatheringHandler

top = logging.getLogger("test_command_log")
"""The root of a tree of its own."""
logger = logging.getLogger("test_command_log.x.y")
log = CommandLog(logger, "output", before="it said ")
PONG = '{"type":"pong", "note": "gr\\u00f6\\u00dfer"}'


class Tagging(CommandFormatter):
    """Tells lines that had a record from those that had none."""

    def format(self, record: logging.LogRecord) -> str:
        return f"record: {record.getMessage()}"

    def line(self, log: CommandLog, created: float, text: str) -> str:
        return f"line: {log.before}{text}"


class Keeping(logging.Handler):
    """Somebody else's handler."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def handler() -> Iterator[GatheringHandler]:
    """The only handler."""
    handler = GatheringHandler(io.StringIO())
    handler.setFormatter(Tagging())
    top.addHandler(handler)
    top.setLevel(logging.INFO)
    yield handler
    top.removeHandler(handler)
    top.propagate = True


def leave_pytest_out() -> None:
    """From now on, pytest's handlers do not see what is logged. In a fixture that were too early:
    pytest looks for loggers that do not propagate when a test begins."""
    top.propagate = False


@pytest.fixture
def says(handler: GatheringHandler) -> Callable[[], str]:
    """Logs a pong, and returns what came of it."""

    def says() -> str:
        leave_pytest_out()
        log.info(PONG)
        handler.write_gathered()
        return str(handler.stream.getvalue())

    return says


@pytest.fixture
def other() -> Iterator[Keeping]:
    """Another handler, on the logger."""
    other = Keeping()
    logger.addHandler(other)
    yield other
    logger.removeHandler(other)


def test_it_is_gathered_where_nobody_else_sees_it(
    handler: GatheringHandler, says: Callable[[], str]
) -> None:
    leave_pytest_out()
    log.info(PONG)
    assert handler.stream.getvalue() == ""
    assert says() == f"line: it said {PONG}\n" * 2


def test_another_handler_gets_a_record_as_complete_as_any(
    says: Callable[[], str], other: Keeping
) -> None:
    told = Told(PONG)
    log.info(PONG)
    logger.info("%s%s", "it said ", told, extra={"baton_output": told})
    mine, usual = (dict(vars(record)) for record in other.records)
    assert mine.pop("lineno") == usual.pop("lineno") - 1
    for varying in ("created", "msecs", "relativeCreated"):
        assert mine.pop(varying) <= usual.pop(varying) or varying == "msecs"
    assert mine == usual
    assert says().startswith(f"record: it said {PONG}\n")


def test_a_second_handler_of_ours_gets_it_too(
    handler: GatheringHandler, says: Callable[[], str]
) -> None:
    second = GatheringHandler(io.StringIO())
    second.setFormatter(Tagging())
    logger.addHandler(second)
    try:
        assert says() == second.stream.getvalue() == f"record: it said {PONG}\n"
    finally:
        logger.removeHandler(second)


def test_who_sees_it_is_looked_up_again_when_it_was_written(
    says: Callable[[], str], handler: GatheringHandler, other: Keeping
) -> None:
    logger.removeHandler(other)
    assert says().startswith("line: ")
    log.info(PONG)
    logger.addHandler(other)
    log.info(PONG)  # written together with the one before
    assert not other.records
    handler.write_gathered()
    log.info(PONG)
    assert len(other.records) == 1


def test_a_record_has_it_looked_up_again_too(
    says: Callable[[], str], handler: GatheringHandler, other: Keeping
) -> None:
    logger.removeHandler(other)
    says()
    log.info(PONG)
    logger.warning("something else")
    logger.addHandler(other)
    log.info(PONG)
    assert len(other.records) == 1


def test_filters_see_records(handler: GatheringHandler, says: Callable[[], str]) -> None:
    seen: list[logging.LogRecord] = []

    def keep(record: logging.LogRecord) -> bool:
        seen.append(record)
        return False

    for filtered in (handler, logger):
        filtered.addFilter(keep)
        try:
            assert says() == ""
        finally:
            filtered.removeFilter(keep)
    assert [vars(record)["baton_output"] for record in seen] == [Told(PONG), Told(PONG)]


def test_a_formatter_of_somebody_else_gets_a_record(
    handler: GatheringHandler, says: Callable[[], str]
) -> None:
    handler.setFormatter(logging.Formatter("%(levelname)s %(funcName)s"))
    assert says() == "INFO says\n"


def test_somebody_who_makes_records_makes_these(says: Callable[[], str]) -> None:
    class Mine(logging.LogRecord):
        def getMessage(self) -> str:  # noqa: N802  (the library's name)
            return "mine"

    logging.setLogRecordFactory(Mine)
    try:
        assert says() == "record: mine\n"
    finally:
        logging.setLogRecordFactory(logging.LogRecord)


def test_levels(handler: GatheringHandler, says: Callable[[], str]) -> None:
    handler.setLevel(logging.WARNING)
    assert says() == ""
    handler.setLevel(logging.NOTSET)
    logger.setLevel(logging.WARNING)
    assert says() == ""
    logger.setLevel(logging.NOTSET)
    logging.disable(logging.INFO)
    assert says() == ""
    logging.disable(logging.NOTSET)
    assert says() == f"line: it said {PONG}\n"


def test_a_logger_that_does_not_propagate(says: Callable[[], str], other: Keeping) -> None:
    logger.propagate = False
    try:
        assert says() == ""
    finally:
        logger.propagate = True
    assert len(other.records) == 1


def test_it_is_read_for_whoever_sees_the_record(says: Callable[[], str], other: Keeping) -> None:
    says()
    (record,) = other.records
    assert vars(record)["baton_output"] == {"type": "pong", "note": "größer"}
    assert record.getMessage() == f"it said {PONG}"


def test_what_is_told_can_be_handed_to_another_process() -> None:
    told = pickle.loads(pickle.dumps(Told(PONG)))
    assert (told, str(told)) == (Told(PONG), PONG)


def test_what_is_nested_too_deeply_is_logged_nevertheless(
    says: Callable[[], str], other: Keeping
) -> None:
    deep = f'{{"type":"x","deep":{"[" * 5000}{"]" * 5000}}}'
    log.info(deep)
    (record,) = other.records
    assert vars(record)["baton_output"] == {}
    assert record.getMessage() == f"it said {deep}"
