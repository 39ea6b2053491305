"""Handlers of the log that write the lines of many commands in one go.

A write costs as much as the rest of a line. The lines of commands are gathered until the end of the
loop's turn, when :func:`write_gathered` is called, right before their outputs are sent. A record is
written at once, after what was gathered before it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

AUDIT_LOGGER: Final = "baton.audit"

_MOST: Final = 64 * 1024
"""Characters that are gathered at most."""


class GatheringHandler(logging.StreamHandler[Any]):
    """Writes records to a stream, and lines that it was given to gather before them."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._lines: list[str] = []
        self._size = 0
        self._on_written: list[Callable[[], None]] = []
        # What acquire() and release() take, without a call of each.
        self._guard: AbstractContextManager[Any] = self.lock or nullcontext()
        # What a process that is forked has of them is its parent's to write.
        os.register_at_fork(after_in_child=self._lines.clear)

    def gather(self, line: str) -> None:
        """Take *line*, to be written before any record, with the next :func:`write_gathered` at the
        latest; never raises."""
        with self._guard:
            self._lines.append(line)
            self._size += len(line)
            if self._size > _MOST:
                self.write_gathered()

    def when_written(self, callback: Callable[[], None]) -> None:
        """Have *callback* called once, right before lines or a record are written the next time. It
        must neither wait nor raise."""
        self._on_written.append(callback)

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*; never raises."""
        try:
            line = self.format(record)
        except RecursionError:
            raise  # as the library does
        except Exception:  # noqa: BLE001  (somebody's arguments)
            self.handleError(record)
            return
        self._lines.append(line)
        self._write_lines(record)

    def write_gathered(self) -> None:
        """Write what is gathered; never raises."""
        if self._lines:
            with self._guard:
                self._write_lines(_OF_COMMANDS)

    def write(self, text: str, record: logging.LogRecord) -> None:
        """Write *text*, which ends with *record*; never raises."""
        try:
            self.stream.write(text)
            self.stream.flush()
        except RecursionError:
            raise
        except Exception:  # noqa: BLE001  (whatever became of the stream)
            self.handleError(record)

    def flush(self) -> None:
        """Write what is gathered, and have the stream pass on what it has."""
        self.write_gathered()
        super().flush()

    def close(self) -> None:
        """Write what is gathered, and close."""
        self.write_gathered()
        super().close()

    def _write_lines(self, record: logging.LogRecord) -> None:
        self._lines.append("")  # the last one ends, too
        text = self.terminator.join(self._lines)
        self._lines.clear()
        self._size = 0
        while self._on_written:
            self._on_written.pop()()
        self.write(text, record)


_OF_COMMANDS: Final = logging.LogRecord(
    __name__, logging.INFO, __file__, 0, "Lines of commands", (), None
)
"""Stands for what has no record, where the library says that it could not be written."""


def gathering_handlers() -> list[GatheringHandler]:
    """Those of the log, and that of the audit."""
    handlers = logging.getLogger().handlers + logging.getLogger(AUDIT_LOGGER).handlers
    return [handler for handler in handlers if isinstance(handler, GatheringHandler)]


def write_gathered() -> None:
    """Have the lines that were gathered written. To be called at the end of a turn of the loop in
    which one was, before anything that it tells of is sent. From any thread."""
    for handler in gathering_handlers():
        handler.write_gathered()
