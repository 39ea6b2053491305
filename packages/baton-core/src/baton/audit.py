"""The audit: one record for each command, of who asked for what, and what came of it.

The records go to the logger ``baton.audit``, so to the log; with the setting ``AUDIT_FILE`` to a
file of their own instead, one JSON object a line.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baton.errors import ConfigurationError, InvalidMessage
from baton.log_file import AUDIT_LOGGER, LogFile
from baton.message import Message
from baton.text import excerpt
from baton.times import to_iso

if TYPE_CHECKING:
    from baton.transports import Delivery

logger = logging.getLogger(AUDIT_LOGGER)
_troubles = logging.getLogger("baton.log_file")


class Entry(dict[str, Any]):
    """What is said of a command, by the names of its fields. As text it is JSON, in ASCII."""

    def __str__(self) -> str:
        return json.dumps(self)


def is_on() -> bool:
    """Whether anybody keeps the records."""
    return logger.isEnabledFor(logging.INFO)


def record(
    delivery: Delivery,
    *,
    type: str,
    outcome: str,
    duration: float,
    extension: str,
    consumer: str,
) -> None:
    """Keep that the command which *delivery* carries has ended; *duration* is in seconds.

    Its *type* is looked for in its body where it is not known; it is empty where there is none.
    What comes from a network is cut to 200 characters, and cannot act on a terminal.
    """
    message = Message({}, envelope=delivery.envelope)
    entry = Entry(
        time=to_iso(time.time()),
        id=_shown(message.message_id),
        sender=_shown(message.sender),
        user=_shown(message.user_id),
        type=excerpt(type or _type_in(delivery.body)),
        key=excerpt(delivery.routing_key),
        outcome=outcome,
        duration_ms=round(duration * 1000, 3),
        extension=extension,
        consumer=excerpt(consumer),
    )
    logger.info("audit %s", entry, extra={"baton_audit": entry})


@contextmanager
def audited_to(path: Path | None) -> Iterator[None]:
    """Keep the records in a file, and not in the log, as long as this lasts; None: in the log.

    The file is opened anew as a log file is. Raises ConfigurationError if it cannot be written.
    """
    if path is None:
        yield
        return
    try:
        file = AuditFile(path)
    except OSError as error:
        raise ConfigurationError(
            f"AUDIT_FILE: {path} cannot be written: {error.strerror}"
        ) from None
    before = logger.propagate, logger.level
    logger.addHandler(file)
    logger.propagate = False
    logger.setLevel(logging.INFO)  # whatever the log leaves out
    try:
        yield
    finally:
        logger.removeHandler(file)
        logger.propagate, level = before
        logger.setLevel(level)
        with suppress(OSError):  # on a full disk; that was said before
            file.close()


class AuditFile(LogFile):
    """Appends records of the audit to a file. A disk that fails is told of in the log, once."""

    setting = "AUDIT_FILE"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._failure: str | None = None
        self._was_failing = False

    def format(self, record: logging.LogRecord) -> str:
        """The entry, as one line of JSON."""
        return str(getattr(record, "baton_audit", ""))

    def emit(self, record: logging.LogRecord) -> None:
        """Write it; never raises."""
        self._failure = None
        super().emit(record)
        is_failing = self._failure is not None
        if is_failing and not self._was_failing:
            _troubles.error(
                "AUDIT_FILE: %s cannot be written: %s", self.baseFilename, self._failure
            )
        elif self._was_failing and not is_failing:
            _troubles.warning(
                "AUDIT_FILE: %s is written again, entries are missing", self.baseFilename
            )
        self._was_failing = is_failing

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (the library's name)
        """Remember what went wrong; called by the library within what it caught."""
        error = sys.exception()
        self._failure = getattr(error, "strerror", None) or repr(error)


def _shown(text: str | None) -> str | None:
    return None if text is None else excerpt(text)


def _type_in(body: bytes) -> str:
    try:
        return Message.decode(body).type
    except InvalidMessage:
        return ""
