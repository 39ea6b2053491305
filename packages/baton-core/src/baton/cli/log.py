"""Where log records go, which of them, and how they read."""

from __future__ import annotations

import json
import logging
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from baton.command_log import CommandFormatter, CommandLog, Told
from baton.errors import ConfigurationError
from baton.gathering import GatheringHandler
from baton.log_file import LogFile
from baton.times import to_iso

_ENCODER: Final = json.JSONEncoder(allow_nan=False, default=repr)
_SHOUTING: Final = ("aio_pika", "aiormq", "pika")
"""They log each lost connection with tracebacks. Baton logs it once, in a line."""


def setup_logging(level: str, file: Path | None = None, style: str = "text") -> None:
    """Log from *level* on to *file*, or to standard error. Raises ConfigurationError for a file
    that cannot be written."""
    handler: logging.Handler
    if file is None:
        handler = GatheringHandler(sys.stderr)
    else:
        try:
            handler = LogFile(file)
        except OSError as error:
            raise ConfigurationError(
                f"LOG_FILE: {file} cannot be written: {error.strerror}"
            ) from None
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _SHOUTING:
        logging.getLogger(name).setLevel(logging.CRITICAL)


class TextFormatter(CommandFormatter):
    """A record as the library writes it by default, with its traceback, if it has one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and those of the traceback."""
        line = _text_line(record.created, record.levelname, record.getMessage())
        if record.exc_info:
            line += f"\n{self.formatException(record.exc_info)}"
        if record.stack_info:
            line += f"\n{self.formatStack(record.stack_info)}"
        return line

    def line(self, log: CommandLog, created: float, text: str) -> str:
        """The line."""
        return _text_line(created, "INFO", f"{log.before}{text}")


class JsonFormatter(CommandFormatter):
    """A record as one line of JSON, whatever is in it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, in ASCII."""
        for kind in ("output", "audit"):
            told = getattr(record, f"baton_{kind}", None)
            if isinstance(told, Told):
                return _told_line(record.created, record.levelname, record.name, kind, str(told))
        entry = _json_entry(record.created, record.levelname, record.name, _message(record))
        output = getattr(record, "baton_output", None)
        if output is not None:
            entry["output"] = output
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        try:
            return _ENCODER.encode(entry)
        except Exception:  # noqa: BLE001  (somebody's objects, and their repr)
            # Only an output is not Baton's own.
            return _ENCODER.encode(entry | {"output": _shown(output)})

    def line(self, log: CommandLog, created: float, text: str) -> str:
        """The line, in ASCII."""
        return _told_line(created, "INFO", log.logger.name, log.kind, text)


def _text_line(created: float, level: str, message: str) -> str:
    return f"{_local_time(int(created * 1000))} {level:7} {message}"


@lru_cache(maxsize=4)
def _local_time(milliseconds: int) -> str:
    """Kept: a millisecond has many lines under load, and a command's lines are in one without."""
    second, rest = divmod(milliseconds, 1000)
    return f"{_local_second(second)},{rest:03d}"


@lru_cache(maxsize=4)
def _local_second(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


def _told_line(created: float, level: str, logger: str, kind: str, text: str) -> str:
    """What is told of a command, as the JSON *text* that it is already."""
    head = _json_entry(created, level, logger, kind)
    return f'{_ENCODER.encode(head)[:-1]}, "{kind}": {text}}}'


def _json_entry(created: float, level: str, logger: str, message: str) -> dict[str, Any]:
    return {
        "time": to_iso(created),
        "level": level.lower(),
        "logger": logger,
        "message": message,
    }


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  (somebody's arguments)
        return f"{record.msg} {_shown(record.args)}"


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001  (somebody's repr)
        return f"<{type(value).__name__}: {type(error).__name__}>"
