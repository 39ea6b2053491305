"""The guard: whether the ratios of a run are worse than the baseline's.

Ratios are compared, never times: two machines, or one on two days, agree on no time.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.goals import GOALS, Goal
from bench.results import Results


@dataclass(frozen=True, slots=True)
class Regression:
    """A ratio that is worse than it was, beyond its tolerance."""

    goal: Goal
    before: float
    now: float

    def __str__(self) -> str:
        return (
            f"{self.goal.text}: {self.goal.show(self.now)}, in the baseline"
            f" {self.goal.show(self.before)}; {self.goal.tolerance:.0%} worse is tolerated"
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a comparison: how many ratios there were in both, and which are worse."""

    compared: int
    regressions: tuple[Regression, ...]


def compare(now: Results, before: Results) -> Verdict:
    """*now* beside the baseline, by those goals that are ratios and were measured in both."""
    compared = 0
    found = []
    for goal in GOALS:
        if not goal.is_ratio:
            continue
        value, earlier = goal.value(now), goal.value(before)
        if value is None or earlier is None:
            continue
        compared += 1
        if goal.is_worse(value, earlier):
            found.append(Regression(goal, earlier, value))
    return Verdict(compared, tuple(found))
