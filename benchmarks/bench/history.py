"""The monitor's store as its history grows. Run with its sizes; prints JSON.

In a process of its own, whose memory is that of the store: ``python -m bench.history 10000 30000``
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from baton_ping_monitor.clock import Clock
from baton_ping_monitor.settings import Retention
from baton_ping_monitor.store.records import EventFilter
from baton_ping_monitor.store.store import Store
from dashboard_history import names, round_of

SERVERS = 500
ASKED = 20


def memory() -> float:
    """MiB of this process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def measure(sizes: list[int]) -> list[dict[str, float]]:
    """At each size: outputs written a second, milliseconds of a question, MiB."""
    fqdns = names(SERVERS)
    points = []
    written = 0
    with (
        tempfile.TemporaryDirectory(prefix="baton-growth-", dir="/var/tmp") as folder,
        closing(Store.open(f"sqlite:///{folder}/store.db", Retention(), Clock())) as store,
    ):
        at = time.time() - max(sizes) / SERVERS - 1
        for size in sizes:
            spent = count = 0.0
            while written < size:
                at += 1
                batch = round_of(fqdns, at)
                began = time.perf_counter()
                store.write(batch)
                spent += time.perf_counter() - began
                count += len(batch.observations)
                written += len(batch.observations)
            took = []
            for _ in range(ASKED):
                began = time.perf_counter()
                store.events(EventFilter(), 100)
                took.append(time.perf_counter() - began)
            points.append(
                {
                    "size": written,
                    "rate": count / spent,
                    "asked": statistics.median(took) * 1000,
                    "memory": memory(),
                }
            )
    return points


if __name__ == "__main__":
    print(json.dumps(measure([int(each) for each in sys.argv[1:]])))
