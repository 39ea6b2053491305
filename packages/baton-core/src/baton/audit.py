"""The audit: one record for each command, of who asked for what, and what came of it.

The records go to the logger ``baton.audit``, so to the log; with the setting ``AUDIT_FILE`` to a
file of their own instead, one JSON object a line.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from baton.command_log import CommandFormatter, CommandLog
from baton.errors import ConfigurationError, InvalidMessage
from baton.gathering import AUDIT_LOGGER
from baton.log_file import LogFile
from baton.message import Message
from baton.text import excerpt
from baton.times import to_iso

if TYPE_CHECKING:
    from baton.transports import Delivery

logger = logging.getLogger(AUDIT_LOGGER)
_troubles = logging.getLogger("baton.log_file")
_quoted = json.encoder.encode_basestring_ascii
_log = CommandLog(logger, "audit", before="audit ")


def is_on() -> bool:
    """Whether anybody keeps the records."""
    return _log.is_on


def record(
    delivery: Delivery, type: str, outcome: str, duration: float, extension: str, consumer: str
) -> None:
    """Keep that the command which *delivery* carries has ended; *duration* is in seconds.

    Its *type* is looked for in its body where it is not known; it is empty where there is none.
    What comes from a network is cut to 200 characters, and cannot act on a terminal.
    """
    envelope = delivery.envelope
    sender, message_id = envelope.sender, envelope.message_id
    what, where = _repeated(
        sender and excerpt(sender),
        envelope.user_id,
        excerpt(type or _type_in(delivery.body)),
        delivery.routing_key,
        outcome,
        extension,
        consumer,
    )
    moment = to_iso(time.time())
    identity = "null" if message_id is None else _quoted(excerpt(message_id))
    _log.info(
        f'{{"time": "{moment}", "id": {identity}, {what}, '
        f'"duration_ms": {duration * 1000:.3f}, {where}}}'
    )


@lru_cache(maxsize=64)
def _repeated(
    sender: str | None,
    user: str | None,
    type: str,
    key: str,
    outcome: str,
    extension: str,
    consumer: str,
) -> tuple[str, str]:
    """The JSON of what most entries have in common: what was asked for, and where.

    It is kept: to write all of an entry anew took 4 µs. What may be long of it comes cut.
    """
    what = {
        "sender": sender,
        "user": user and excerpt(user),
        "type": type,
        "key": excerpt(key),
        "outcome": outcome,
    }
    where = {"extension": extension, "consumer": excerpt(consumer)}
    return json.dumps(what)[1:-1], json.dumps(where)[1:-1]


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
    file.setFormatter(EntryFormatter())
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
        file.close()


class AuditFile(LogFile):
    """Appends records of the audit to a file. A disk that fails is told of in the log, once."""

    setting = "AUDIT_FILE"
    lost = "entries are missing"

    def complain(self, text: str) -> None:
        """Say so in the log."""
        _troubles.error("%s", text)


class EntryFormatter(CommandFormatter):
    """An entry, as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The one that *record* is about."""
        return str(getattr(record, "baton_audit", ""))

    def line(self, log: CommandLog, created: float, text: str) -> str:
        """The entry *text*."""
        return text


def _type_in(body: bytes) -> str:
    try:
        return Message.decode(body).type
    except InvalidMessage:
        return ""
