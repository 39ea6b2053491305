"""Log files that can be rotated: SIGHUP has them opened anew, under the same name."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from baton.gathering import GatheringHandler, gathering_handlers

logger = logging.getLogger(__name__)

_MODE: Final = 0o640
"""Whatever the umask, which is another one for a daemon: outputs are not for everybody."""


class LogFile(GatheringHandler, logging.FileHandler):
    """Appends records to a file, in UTF-8; what is none is escaped. Raises OSError if it cannot be
    opened. A disk that fails is told of once, and harms nobody."""

    setting = "LOG_FILE"
    """What names the file."""
    lost = "records are missing"

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self._failure: str | None = None
        self._was_failing = False

    def write(self, text: str, record: logging.LogRecord) -> None:
        """Write *text*, of which *record* is the latest; never raises."""
        if self.stream is None:  # closed: it is opened anew for what is logged after the end
            self.stream = self._open()
        self._failure = None
        super().write(text, record)
        was_failing, self._was_failing = self._was_failing, self._failure is not None
        if self._was_failing and not was_failing:
            self.complain(f"{self.setting}: {self.baseFilename} cannot be written: {self._failure}")
        elif was_failing and not self._was_failing:
            logger.warning(
                "%s: %s is written again, %s", self.setting, self.baseFilename, self.lost
            )

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (the library's name)
        """Remember what went wrong; called by the library within what it caught."""
        error = sys.exception()
        if isinstance(error, OSError):
            self._failure = error.strerror or repr(error)
        else:
            super().handleError(record)

    def complain(self, text: str) -> None:
        """Say where people may see it that this file cannot be written: on standard error."""
        with suppress(OSError, ValueError, AttributeError):  # whatever became of that
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Close it; what a full disk did not take is lost, and that was said."""
        with suppress(OSError):
            super().close()

    def fileno(self) -> int:
        """The descriptor of the file."""
        if self.stream is None:
            raise ValueError("The log file is closed")
        return self.stream.fileno()

    def reopen(self) -> None:
        """Go on in the file that has the name now; in the old one, saying so, if there is none and
        none can be made."""
        try:
            new = self._open()
        except OSError as error:
            logger.error(
                "%s: %s cannot be opened anew: %s; the log goes on in the old file",
                self.setting,
                self.baseFilename,
                error.strerror,
            )
            return
        self.acquire()
        self.write_gathered()
        old, self.stream = self.stream, new
        self.release()
        try:
            if old is not None:
                old.close()
        except OSError as error:
            logger.error(
                "%s: the end of what was logged until now is lost: %s",
                self.setting,
                error.strerror,
            )

    def _open(self) -> TextIOWrapper:
        return open(
            self.baseFilename,
            "a",
            encoding=self.encoding,
            errors=self.errors,
            opener=_open_for_few,
        )


def _open_for_few(path: str, flags: int) -> int:
    return os.open(path, flags, _MODE)


def log_files() -> list[LogFile]:
    """The files that are logged to, that of the audit, too."""
    return [handler for handler in gathering_handlers() if isinstance(handler, LogFile)]


def reopen_log_files() -> None:
    """Open each file that is logged to anew."""
    for file in log_files():
        file.reopen()
