"""When connections were tried: whether a fleet that comes back makes a storm of it."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field

_MOST = 100_000


@dataclass
class Attempts:
    """The times of the last attempts, by ``time.monotonic()``."""

    times: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST))

    def note(self) -> None:
        """One is made now."""
        self.times.append(time.monotonic())

    def __len__(self) -> int:
        return len(self.times)

    def since(self, start: float) -> Attempts:
        """Those that were made at *start* or later."""
        return Attempts(deque((at for at in self.times if at >= start), _MOST))

    def peak(self, seconds: float = 1.0) -> int:
        """The most that were made within so many seconds, whenever those began."""
        most, first = 0, 0
        times = list(self.times)
        for last, at in enumerate(times):
            while at - times[first] >= seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    def per_second(self) -> list[int]:
        """How many were made in each second since the first of them."""
        if not self.times:
            return []
        counts = Counter(int(at - self.times[0]) for at in self.times)
        return [counts[second] for second in range(max(counts) + 1)]
