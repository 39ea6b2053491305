"""Locks between processes: test runs at the same time share an image and an engine."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(name: str, *, shared: bool = False) -> Iterator[None]:
    """Wait for the lock *name* and hold it; any number of processes may hold it *shared*."""
    with _open(name) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def is_held(name: str) -> bool:
    """Whether any process holds the lock *name*."""
    with _open(name) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@contextmanager
def _open(name: str) -> Iterator[int]:
    path = Path(tempfile.gettempdir()) / f"baton-test-{name}-{os.getuid()}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
