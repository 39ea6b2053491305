"""The wall clock of a process, as a test sets it: all that the process asks the system for the time
of day, in Python or in C, and not its monotonic clock. By libfaketime, from Debian's package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from brokers.apt import install
from brokers.errors import Unavailable


@dataclass(frozen=True, slots=True)
class WallClock:
    """A clock in *file*, which runs as the machine's does until it is set."""

    file: Path
    library: Path

    @classmethod
    def make(cls, file: Path) -> WallClock:
        """One that is right. Raises Unavailable where there is no libfaketime and none can be
        installed."""
        clock = cls(file, _libfaketime())
        clock.shift(0)
        return clock

    @property
    def environment(self) -> dict[str, str]:
        """What a process is started with to have this clock."""
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",  # it would look into the file every ten seconds
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def shift(self, seconds: float) -> None:
        """Have it *seconds* ahead of the machine's, or behind it."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+.0f}\n")
        new.replace(self.file)  # whole, whenever it is looked at


def _libfaketime() -> Path:
    found = _installed()
    if found is None:
        install("faketime", reason="a process with a clock of its own")
        found = _installed()
    if found is None:
        raise Unavailable("The package faketime brings no libfaketime.so.1")
    return found


def _installed() -> Path | None:
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
