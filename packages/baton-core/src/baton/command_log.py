"""What is logged of each command: an output, or the entry of the audit.

Most of what a short line costs is its record: where it was logged, by which process and thread, and
the way through all loggers and handlers. Where nobody but a handler of Baton's own would see that
record, none is made: the handler gathers the line alone. Who would see it is looked up once for all
lines that are written together: it took half of what such a line costs.
"""

from __future__ import annotations

import json
import logging
import time
from abc import ABC, abstractmethod
from typing import Any

from baton.gathering import GatheringHandler


class Told(dict[str, Any]):
    """What is logged of a command, by the names of its fields, read from the JSON *text*: it reads
    so where it is shown. What is nested too deeply to be read from here has no fields."""

    def __init__(self, text: str) -> None:
        try:
            super().__init__(json.loads(text))
        except RecursionError:  # it was written from less deep in the stack
            super().__init__()
        self._text = text

    def __str__(self) -> str:
        return self._text


class CommandFormatter(logging.Formatter, ABC):
    """A formatter that can do without a record of what is logged of a command."""

    @abstractmethod
    def line(self, log: CommandLog, created: float, text: str) -> str:
        """How the JSON *text*, logged to *log* at the time *created*, reads: as its record."""


class CommandLog:
    """Logs at the level INFO to *logger* what is told of commands, in JSON. It is a record's
    attribute ``baton_<kind>``, as :class:`Told`, and its message, after the words *before*.

    Whoever logs has :func:`~baton.gathering.write_gathered` called before anything of it is sent.
    """

    def __init__(self, logger: logging.Logger, kind: str, before: str = "") -> None:
        self.logger = logger
        self.kind = kind
        self.before = before
        self._taker: tuple[GatheringHandler, CommandFormatter] | None = None
        """Who alone sees what is logged, until what it has gathered is written."""

    @property
    def is_on(self) -> bool:
        """Whether anybody wants to know."""
        return self._taker is not None or self.logger.isEnabledFor(logging.INFO)

    def info(self, text: str) -> None:
        """Log the JSON *text*; never raises."""
        taker = self._taker
        if taker is None:
            if not self.logger.isEnabledFor(logging.INFO):
                return
            taker = self._look()
        if taker is None:
            told = Told(text)
            extra = {f"baton_{self.kind}": told}
            self.logger.info("%s%s", self.before, told, extra=extra, stacklevel=2)
        else:
            handler, formatter = taker
            handler.gather(formatter.line(self, time.time(), text))

    def _look(self) -> tuple[GatheringHandler, CommandFormatter] | None:
        """Who takes lines without a record, if somebody does, and how they read."""
        handler = _only_handler(self.logger)
        if handler is None or not isinstance(handler.formatter, CommandFormatter):
            return None
        self._taker = handler, handler.formatter
        handler.when_written(self._forget)
        return self._taker

    def _forget(self) -> None:
        self._taker = None


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
