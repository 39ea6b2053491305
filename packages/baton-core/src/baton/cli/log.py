"""Where log records go, which of them, and how they read."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any, Final

from baton.errors import ConfigurationError
from baton.log_file import LogFile
from baton.times import to_iso

_FORMAT: Final = "%(asctime)s %(levelname)-7s %(message)s"
_SHOUTING: Final = ("aio_pika", "aiormq", "pika")
"""They log each lost connection with tracebacks. Baton logs it once, in a line."""


def setup_logging(level: str, file: Path | None = None, style: str = "text") -> None:
    """Log from *level* on to *file*, or to standard error. Raises ConfigurationError for a file
    that cannot be written."""
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        try:
            handler = LogFile(file)
        except OSError as error:
            raise ConfigurationError(
                f"LOG_FILE: {file} cannot be written: {error.strerror}"
            ) from None
    handler.setFormatter(JsonFormatter() if style == "json" else logging.Formatter(_FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _SHOUTING:
        logging.getLogger(name).setLevel(logging.CRITICAL)


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON, whatever is in it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, in ASCII."""
        entry: dict[str, Any] = {
            "time": to_iso(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        output = getattr(record, "baton_output", None)
        if output is not None:
            entry["output"] = output
        audit = getattr(record, "baton_audit", None)
        if audit is not None:
            entry |= {"message": "audit", "audit": audit}  # which the text repeats
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        try:
            return json.dumps(entry, allow_nan=False, default=repr)
        except Exception:  # noqa: BLE001  (somebody's objects, and their repr)
            # Only an output is not Baton's own.
            return json.dumps(entry | {"output": _shown(output)})


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
