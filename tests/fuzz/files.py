"""Files for targets that read one: in memory, where the system has a place for that."""

from __future__ import annotations

import atexit
import tempfile
from functools import cache
from pathlib import Path


@cache
def folder() -> Path:
    """A folder that is gone when the process ends."""
    memory = Path("/dev/shm")
    kept = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
    atexit.register(kept.cleanup)
    return Path(kept.name)


def written(name: str, content: bytes) -> Path:
    """A file of that *name* and *content*."""
    path = folder() / name
    path.write_bytes(content)
    return path
