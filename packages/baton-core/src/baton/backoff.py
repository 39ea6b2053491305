"""How long to wait before the next try, so that a fleet does not come back as one."""

from __future__ import annotations

import random
from typing import Final

FIRST: Final = 0.1
"""Seconds that the first delay has at most."""


class Backoff:
    """Delays with full jitter: random below a ceiling that doubles, up to *longest* seconds.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/"""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._ceiling = FIRST

    def next(self) -> float:
        """Seconds to wait before the next try."""
        delay = random.uniform(0, min(self._ceiling, self._longest))
        self._ceiling = min(self._longest, self._ceiling * 2)
        return delay

    def reset(self) -> None:
        """It went well: begin with short delays again."""
        self._ceiling = FIRST
