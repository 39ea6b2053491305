"""What grows, and how its costs are measured at one size: fleet, message, monitors, history."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.plan import Plan
from bench.process import BENCHMARKS, Process
from bench.programs import Programs
from bench.serving import Line, load_of
from bench.subjects import SUBJECTS

BATON: Final = SUBJECTS[0]
MOST_BYTES: Final = 32 << 20
"""Bytes of one load at most."""
MOST_ANSWERS: Final = 20_000
"""Answers of a fleet in one measurement at most, beside those to two pings."""
HISTORY_TIMEOUT: Final = 300.0

Costs = tuple[float, ...]
"""In the order of the titles of what grows."""


@dataclass(frozen=True, slots=True)
class Growing:
    """One thing that grows: its sizes, and its costs, each a title and a unit."""

    id: str
    name: str
    sizes: tuple[int, ...]
    costs: tuple[tuple[str, str], ...]
    measure: Callable[[str, int], Costs]
    """On a broker, at a size."""
    once_from: int = sys.maxsize
    """From this size on it is measured once, not in every round: it takes long."""


def _service(url: str, exchange: str, queues: int = 1) -> Process:
    return BATON.process(url, exchange, Programs(), queues=queues)


def fleet(url: str, size: int) -> Costs:
    """So many servers simulated in one process, all pinged at once."""
    exchange = f"bench_fleet_{size}"
    pings = max(2, min(50, MOST_ANSWERS // size))
    with Line(url, exchange) as line, _service(url, exchange, size) as process:
        line.trips(BATON.dialect, 1, size)
        spent = process.cpu
        took = line.trips(BATON.dialect, pings, size)
        answers = size * pings
        cpu = (process.cpu - spent) / answers * 1e6
        return answers / sum(took), cpu, process.ready, process.memory


def _loaded(line: Line, process: Process, plan: Plan, size: int = 0) -> tuple[float, float]:
    """Messages a second, and µs of CPU for each, of a load after its warm-up."""
    warm = plan.warm_up / line.load(BATON.dialect, plan.warm_up, size)
    count = load_of(warm, plan)
    spent = process.cpu
    rate = count / line.load(BATON.dialect, count, size)
    return rate, (process.cpu - spent) / count * 1e6


def message(url: str, size: int) -> Costs:
    """Commands of so many bytes, answered by an ordinary pong."""
    exchange = f"bench_size_{size}"
    most = MOST_BYTES // size
    plan = Plan(warm_up=min(1000, most), most=min(30_000, most))
    with Line(url, exchange) as line, _service(url, exchange) as process:
        rate, cpu = _loaded(line, process, plan, size)
        return rate, rate * size / 2**20, cpu, process.peak


def monitors(url: str, size: int) -> Costs:
    """So many that hear every output: the broker's work, and hardly the service's."""
    exchange = f"bench_monitors_{size}"
    plan = Plan(warm_up=1000 // size, most=30_000 // size)
    with Line(url, exchange, size) as line, _service(url, exchange) as process:
        rate, cpu = _loaded(line, process, plan)
        return rate, rate * size, cpu, process.memory


def history(_: str, size: int) -> Costs:
    """The store of the dashboard's monitor with so many outputs, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "bench.history", str(size)],
        cwd=BENCHMARKS,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=HISTORY_TIMEOUT,
    )
    found = json.loads(ran.stdout)
    return found["cpu"], found["latest"], found["searched"], found["memory"]


GROWING: Final = (
    Growing(
        "fleet",
        "servers in a process",
        (10, 100, 1000, 10_000),
        (
            ("Answers to pings of all", "a second"),
            ("CPU of an answer", "µs"),
            ("From start to ready", "s"),
            ("Memory after that", "MiB"),
        ),
        fleet,
        once_from=10_000,
    ),
    Growing(
        "size",
        "bytes of a command",
        (100, 1000, 10_000, 100_000, 1024 * 1024),
        (
            ("Throughput, at least once", "msg/s"),
            ("Volume of commands", "MiB/s"),
            ("CPU of a message", "µs"),
            ("Memory at most", "MiB"),
        ),
        message,
    ),
    Growing(
        "monitors",
        "monitors",
        (1, 2, 5, 10, 20),
        (
            ("Throughput, at least once", "msg/s"),
            ("Outputs heard by all monitors", "a second"),
            ("The service's CPU of a message", "µs"),
            ("The service's memory", "MiB"),
        ),
        monitors,
    ),
    Growing(
        "history",
        "outputs in the store",
        (10_000, 30_000, 100_000, 300_000),
        (
            ("CPU of writing an output", "µs"),
            ("The latest 100 events", "ms"),
            ("A server's latest 100 events", "ms"),
            ("Memory", "MiB"),
        ),
        history,
        once_from=100_000,
    ),
)
