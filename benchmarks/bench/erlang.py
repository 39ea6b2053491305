"""The broker's Erlang machine, seen from outside, in a container too: what CPU it takes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from bench.process import cpu_of

IDLE: Final = 20.0
"""Hundredths of a core below which it has nothing left to do."""
LONGEST: Final = 240.0
"""Seconds that are waited for that at most: it deletes 10,000 queues in one or two minutes."""


def machine() -> int | None:
    """The process id of the only Erlang machine here; None if there is none, or more than one."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                program = (folder / "comm").read_text().strip()
            except OSError:  # it has ended
                continue
            if program == "beam.smp" and os.access(folder / "task", os.R_OK):
                found.append(int(folder.name))
    return found[0] if len(found) == 1 else None


def share(pid: int, seconds: float) -> float:
    """Hundredths of a core that a process uses in the next *seconds*."""
    before, began = cpu_of(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_of(pid) - before) / (time.monotonic() - began) * 100


def settle() -> None:
    """Wait until the broker has cleaned up after what has ended, so that the next one finds it as
    the last one did. Nothing is waited for if it does not run here."""
    pid, began = machine(), time.monotonic()
    while pid is not None and share(pid, 1.0) > IDLE and time.monotonic() - began < LONGEST:
        pass
