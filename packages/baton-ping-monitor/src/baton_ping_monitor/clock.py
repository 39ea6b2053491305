"""The time: seconds since the epoch that go forward, so that durations are right, too."""

from __future__ import annotations

import time
from typing import Final

_DRIFT: Final = 1.0
"""Seconds that the system's clock may be set forward or back before it is followed."""


class Clock:
    """Gives the time of the system's clock, measured by one that nobody sets.

    When the system's clock was set, it is followed at the next call: only what was measured
    across that moment is off.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def __call__(self) -> float:
        """Seconds since the epoch."""
        now = time.monotonic() + self._offset
        if abs(time.time() - now) > _DRIFT:
            self._offset = time.time() - time.monotonic()
            now = time.monotonic() + self._offset
        return now
