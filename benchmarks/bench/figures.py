"""The figures that are measured, each with its unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Figure:
    """What is measured of each of several subjects."""

    id: str
    title: str
    unit: str
    digits: int = 0
    more_is_better: bool = False


FIGURES: Final = {
    each.id: each
    for each in (
        Figure("rate_least", "Throughput, at least once", "msg/s", more_is_better=True),
        Figure("rate_once", "Throughput, at most once", "msg/s", more_is_better=True),
        Figure("cpu_least", "CPU of a message, at least once", "µs", 1),
        Figure("cpu_once", "CPU of a message, at most once", "µs", 1),
        Figure("p50_least", "Round trip, at least once, p50", "µs"),
        Figure("p99_least", "Round trip, at least once, p99", "µs"),
        Figure("p50_once", "Round trip, at most once, p50", "µs"),
        Figure("p99_once", "Round trip, at most once, p99", "µs"),
        Figure("ready", "From start to ready", "ms"),
        Figure("memory_rest", "Resident memory at rest", "MiB", 1),
        Figure("memory_load", "Resident memory after load", "MiB", 1),
        Figure("fan_100", "One ping to 100 queues in a process, all answered", "ms", 1),
        Figure("fan_1000", "One ping to 1,000 queues in a process, all answered", "ms", 1),
        Figure("fan_10000", "One ping to 10,000 queues in a process, all answered", "ms", 1),
        Figure("server_memory", "Memory of each server more in a process", "KiB", 1),
        Figure("collect", "10,000 replies collected", "replies/s", more_is_better=True),
        Figure("publish_call", "Published one by one, confirmed", "msg/s", more_is_better=True),
        Figure("publish_many", "Published pipelined, confirmed", "msg/s", more_is_better=True),
        Figure("start", "A command, from start to end", "ms", 1),
        Figure(
            "pulse_broker_cpu", "The broker's CPU for servers that only pulse", "% of a core", 1
        ),
        Figure("pulse_service_cpu", "Their own CPU for it, in one process", "% of a core", 1),
    )
}
