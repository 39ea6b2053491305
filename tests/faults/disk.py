"""A small disk of its own: a tmpfs, mounted for a test, that is easily full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SIZE = 256 * 1024


class NoDisk(Exception):
    """None can be mounted here; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk of :data:`SIZE` bytes, mounted at *path*."""

    path: Path

    def fill(self) -> None:
        """Leave no room at all."""
        with (self.path / "filler").open("ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass

    def free(self) -> None:
        """Make room again."""
        (self.path / "filler").unlink()


@contextmanager
def small_disk(path: Path) -> Iterator[Disk]:
    """A small disk within the block. Raises NoDisk where nothing can be mounted."""
    path.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(path)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode:
        raise NoDisk(
            "A disk that is full is a tmpfs of its own, which only root with CAP_SYS_ADMIN may "
            f"mount (this is user {os.geteuid()}): {mounted.stderr.strip()}"
        )
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
