"""What is logged of each command: an output, or the entry of the audit.

Most of what a short line costs is its record: where it was logged, by which process and thread, and
the way through all loggers and handlers. Where nobody but a handler of Baton's own would see that
record, none is made: the handler gathers the line alone.
"""

from __future__ import annotations

import json
import logging
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from baton.gathering import GatheringHandler

Subject = Mapping[str, Any] | str
"""What is logged of a command: a mapping, or one that is JSON already."""


class CommandFormatter(logging.Formatter):
    """A formatter that can do without a record of what is logged of a command.

    It is no ABC, since each line asks whether a formatter is one: 0.5 µs of an ABC, else 0.05.
    """

    @abstractmethod
    def line(self, log: CommandLog, created: float, subject: Subject) -> str:
        """How *subject*, logged to *log* at the time *created*, reads: as its record would."""


class CommandLog:
    """Logs *text*, in which ``%s`` stands for the subject, at the level INFO to *logger*. The
    subject is the record's attribute *attribute*, too: *read* makes a mapping of what is JSON.

    Whoever logs has :func:`~baton.gathering.write_gathered` called before anything of it is sent.
    """

    def __init__(
        self,
        logger: logging.Logger,
        text: str,
        attribute: str,
        read: Callable[[str], Mapping[str, Any]] = json.loads,
    ) -> None:
        self.logger = logger
        self.text = text
        self.attribute = attribute
        self._read = read

    def info(self, subject: Subject) -> None:
        """Log that of *subject*, which is not empty; never raises."""
        if not self.logger.isEnabledFor(logging.INFO) or self._is_gathered(subject):
            return
        if isinstance(subject, str):
            subject = self._read(subject)
        extra = {self.attribute: subject}
        self.logger.info(self.text, subject, extra=extra, stacklevel=2)

    def message(self, subject: Subject) -> str:
        """What the line says beside the time and the level."""
        return self.text % (subject,)

    def _is_gathered(self, subject: Subject) -> bool:
        """Whether a handler has taken it without a record."""
        handler = _only_handler(self.logger)
        if handler is None or not isinstance(handler.formatter, CommandFormatter):
            return False
        try:
            line = handler.formatter.line(self, time.time(), subject)
        except Exception:  # noqa: BLE001  (somebody's repr: the library says so in its way)
            return False
        handler.gather(line)
        return True


def _only_handler(logger: logging.Logger) -> GatheringHandler | None:
    """The only handler that sees the records of *logger*, each of them, if it is one of ours."""
    if logger.filters or logging.getLogRecordFactory() is not logging.LogRecord:
        return None
    only: GatheringHandler | None = None
    each: logging.Logger | None = logger
    while each is not None:
        for handler in each.handlers:
            if only is not None or not isinstance(handler, GatheringHandler):
                return None
            only = handler
        each = each.parent if each.propagate else None
    if only is None or only.filters or only.level > logging.INFO:
        return None
    return only
