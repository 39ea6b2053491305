"""The monitor's store with a history of some size: what writing and asking costs. Prints JSON.

In a process of its own, whose memory is that of the store: ``python -m bench.history 300000``
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing

from baton_ping_monitor.clock import Clock
from baton_ping_monitor.settings import Retention
from baton_ping_monitor.store.records import EventFilter
from baton_ping_monitor.store.store import Store
from bench.process import memory_of
from dashboard_history import names, round_of

SERVERS = 500
ASKED = 20
LAST = 10_000
"""The cost of writing is that of so many outputs, the last ones."""


def milliseconds(ask: Callable[[], object]) -> float:
    """The median of a few times that something is asked."""
    took = []
    for _ in range(ASKED):
        began = time.perf_counter()
        ask()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def measure(size: int) -> dict[str, float]:
    """Microseconds of CPU of writing an output, milliseconds of questions, MiB."""
    fqdns = names(SERVERS)
    with (
        tempfile.TemporaryDirectory(prefix="baton-growth-", dir="/var/tmp") as folder,
        closing(Store.open(f"sqlite:///{folder}/store.db", Retention(), Clock())) as store,
    ):
        at = time.time() - size / SERVERS - 1
        written = count = 0
        spent = 0.0
        while written < size:
            at += 1
            batch = round_of(fqdns, at)
            began = time.process_time()
            store.write(batch)
            if written >= size - LAST:
                spent += time.process_time() - began
                count += len(batch.observations)
            written += len(batch.observations)
        return {
            "cpu": spent / count * 1e6,
            "latest": milliseconds(lambda: store.events(EventFilter(), 100)),
            "searched": milliseconds(
                lambda: store.events(EventFilter(fqdn=random.choice(fqdns)), 100)
            ),
            "memory": memory_of(os.getpid()),
        }


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
