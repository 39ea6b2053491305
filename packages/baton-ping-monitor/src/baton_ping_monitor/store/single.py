"""One dashboard a file: two that wrote to the same one would spoil each other's history."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from baton.errors import ConfigurationError

_PATIENCE: Final = 5.0
"""Seconds for another process, that is being stopped, to let go of the file."""
_INTERVAL: Final = 0.1


class Single:
    """That this process alone uses a file. The system lets go of it when the process ends,
    however that happens."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def hold(cls, path: Path, patience: float | None = None) -> Single:
        """Hold *path*, by a lock on a file beside it. Raises ConfigurationError when another
        process still holds it after *patience* seconds, by default a few, and OSError."""
        lock = path.with_name(f"{path.name}.lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + (_PATIENCE if patience is None else patience)
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(_INTERVAL)
                    continue
                os.close(descriptor)
                raise ConfigurationError(
                    f"The database {path} is used by another dashboard. "
                    "Stop that one, or choose another file with --database"
                ) from None
            except OSError:
                os.close(descriptor)
                raise
            return cls(descriptor)

    def release(self) -> None:
        """Let others use it; once released, nothing happens."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
