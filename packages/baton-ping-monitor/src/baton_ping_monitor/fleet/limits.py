"""Where the lines are drawn in a fleet, and how much is remembered of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

DAY: Final = 86_400.0

_LEAST_PATIENCE: Final = 2.0
_MOST_PATIENCE: Final = 10.0
_PART: Final = 0.9
"""A ping is answered a little before the next one: which shows that the broker lives."""
_QUIET_PINGS: Final = 5
"""A server is not called quiet before it let this many pings pass."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: a ping is answered within ``patience``, and who said nothing for ``quiet`` is quiet.
    Numbers: of pings that make a server missing, of good answers after which it does not fail any
    more, and of what is remembered: servers, the ids of pings, and those of outputs."""

    patience: float = _MOST_PATIENCE
    quiet: float = 60.0
    silent: int = 3
    recovered: int = 3
    servers: int = 20_000
    pings: int = 2_000
    outputs: int = 10_000

    @classmethod
    def of(cls, every: float | None, silent: int = 3) -> Self:
        """The limits of a fleet that is pinged *every* so many seconds, None: not at all."""
        if every is None:
            return cls(silent=silent)
        return cls(
            patience=min(max(_PART * every, _LEAST_PATIENCE), _MOST_PATIENCE),
            quiet=max(60.0, _QUIET_PINGS * every),
            silent=silent,
        )
