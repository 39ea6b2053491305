"""Where log records go, and which of them."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Final

from baton.errors import ConfigurationError

LEVELS: Final = ("debug", "info", "warning", "error")
_FORMAT: Final = "%(asctime)s %(levelname)-7s %(message)s"
_SHOUTING: Final = ("aio_pika", "aiormq", "pika")
"""They log each lost connection with tracebacks. Baton logs it once, in a line."""


def setup_logging(level: str, file: Path | None = None) -> None:
    """Log from *level* on to *file*, or to standard error. Raises ConfigurationError for a file
    that cannot be written."""
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        try:
            handler = logging.FileHandler(file, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"LOG_FILE: {file} cannot be written: {error.strerror}"
            ) from None
    handler.setFormatter(logging.Formatter(_FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _SHOUTING:
        logging.getLogger(name).setLevel(logging.CRITICAL)
