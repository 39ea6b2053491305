"""How much a run does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Plan:
    """Counts and seconds; what a run does is bounded by them."""

    rounds: int = 5
    load: float = 1.0
    """Seconds of load for each subject and round, by the rate that its warm-up had."""
    warm_up: int = 1000
    most: int = 30_000
    """Messages of a load at most."""
    budget: float = 420.0
    """Seconds after which no further round of loads begins."""
    trips: int = 300
    fan_outs: tuple[int, ...] = (100, 1000)
    fan_out_pings: int = 3
    fan_out_rounds: int = 2
    replies: int = 10_000
    published: int = 10_000
    called: int = 1000
    starts: int = 40
    full: bool = False
    only: tuple[str, ...] = ()
    """Parts of the names of the subjects that are measured; all, if empty."""

    @classmethod
    def quick(cls, **more: object) -> Self:
        """Enough to see a regression, within a few minutes."""
        given: dict[str, object] = {
            "rounds": 1,
            "load": 0.4,
            "warm_up": 300,
            "most": 8000,
            "budget": 150.0,
            "trips": 100,
            "fan_outs": (100,),
            "fan_out_rounds": 1,
            "published": 3000,
            "called": 300,
            "starts": 10,
        }
        return cls(**{**given, **more})  # type: ignore[arg-type]

    def wants(self, *names: str) -> bool:
        """Whether one of these is measured."""
        return not self.only or any(
            part.lower() in name.lower() for part in self.only for name in names
        )
