"""Reading a file that somebody named, without waiting for what is none."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_regular(path: Path, limit: int | None = None) -> bytes:
    """What is in *path*. Raises OSError, for what is no regular file, too: whoever opens a pipe
    to which nobody writes would wait for ever; and for one of more than *limit* bytes."""
    with open(path, "rb", opener=_open) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        if limit is None:
            return file.read()
        content = file.read(limit + 1)
        if len(content) > limit:
            raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes")
        return content


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
