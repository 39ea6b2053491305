"""What Baton wants to reach beside its peers: each goal a ratio of medians, or a plain figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.results import Results
from bench.start_up import EMPTY, HELP
from bench.subjects import (
    AIO_PIKA,
    BATON,
    C_CLIENT,
    COROUTINE,
    FASTSTREAM,
    PIKA_BLOCKING,
    PIKA_SELECT,
    PLAIN,
    RUBY_AMQP,
)


@dataclass(frozen=True, slots=True)
class Goal:
    """What is compared, the bound, and how it is computed from results."""

    text: str
    bound: float
    at_least: bool
    value: Callable[[Results], float | None]
    unit: str = "×"
    is_ratio: bool = True
    tolerance: float = 0.25
    """The part by which a quick run may be worse than the baseline before somebody is warned."""

    @property
    def wanted(self) -> str:
        """The bound in words."""
        return f"{'≥' if self.at_least else '≤'} {self.show(self.bound)}"

    def show(self, value: float) -> str:
        """A value with its unit."""
        return f"{value:.3g} {self.unit}"

    def is_met(self, value: float) -> bool:
        """Whether *value* is as it should be."""
        return value >= self.bound if self.at_least else value <= self.bound

    def is_worse(self, value: float, before: float) -> bool:
        """Whether *value* is further from the goal than *before*, beyond the tolerance."""
        if self.at_least:
            return value < before * (1 - self.tolerance)
        return value > before * (1 + self.tolerance)


def _best_pika(results: Results) -> float | None:
    ours = results.median("rate_least", BATON)
    theirs = [
        found
        for each in (PIKA_BLOCKING, PIKA_SELECT)
        if (found := results.median("rate_least", each)) is not None
    ]
    return ours / max(theirs) if ours is not None and theirs else None


def _growth(results: Results) -> float | None:
    return results.ratio("memory_load", BATON, BATON, over="memory_rest")


GOALS: Final = (
    Goal(
        "Throughput, at least once, beside FastStream",
        6,
        True,
        lambda results: results.ratio("rate_least", BATON, FASTSTREAM),
    ),
    Goal(
        "… beside aio-pika, the usual way",
        5,
        True,
        lambda results: results.ratio("rate_least", BATON, AIO_PIKA),
    ),
    Goal("… beside the better one of pika's connections", 1.2, True, _best_pika),
    Goal(
        "… beside C on librabbitmq",
        0.8,
        True,
        lambda results: results.ratio("rate_least", BATON, C_CLIENT),
    ),
    Goal(
        "CPU of a message beside C",
        3,
        False,
        lambda results: results.ratio("cpu_least", BATON, C_CLIENT),
    ),
    Goal(
        "Baton's at least once beside at most once in Ruby, as the original has it",
        1.3,
        True,
        lambda results: results.ratio("rate_least", BATON, RUBY_AMQP, over="rate_once"),
    ),
    Goal(
        "Round trip, p50, beside C",
        1.4,
        False,
        lambda results: results.ratio("p50_least", BATON, C_CLIENT),
    ),
    Goal(
        "One ping to 1,000 servers in a process, beside C",
        2,
        False,
        lambda results: results.ratio("fan_1000", BATON, C_CLIENT),
    ),
    Goal(
        "10,000 replies collected and printed, beside what bare pika consumes",
        0.7,
        True,
        lambda results: results.ratio("collect", BATON, PIKA_BLOCKING),
    ),
    Goal(
        "`API.publish_many` beside pika SelectConnection, confirmed",
        0.8,
        True,
        lambda results: results.ratio("publish_many", BATON, PIKA_SELECT),
    ),
    Goal(
        "A plain `def` handler beside an `async def`",
        0.7,
        True,
        lambda results: results.ratio("rate_least", PLAIN, COROUTINE),
    ),
    Goal(
        "A service's memory at rest",
        50,
        False,
        lambda results: results.median("memory_rest", BATON),
        "MiB",
        is_ratio=False,
    ),
    Goal("… after load, beside at rest", 1.1, False, _growth),
    Goal(
        "Memory of each simulated server, of 1,000",
        25,
        False,
        lambda results: results.median("server_memory", BATON),
        "KiB",
        is_ratio=False,
    ),
    Goal(
        "`baton --help` beside `python -c pass`, the best of each",
        5,
        False,
        lambda results: results.ratio("start", HELP, EMPTY),
    ),
)

SUBJECTS_OF_GOALS: Final = (
    BATON, C_CLIENT, RUBY_AMQP, PIKA_SELECT, PIKA_BLOCKING, AIO_PIKA, FASTSTREAM,
)  # fmt: skip
"""Whoever a goal names, by a part of its name: all the guard has to measure."""
