"""What Baton costs as something grows: the fleet, a message, the monitors, the history."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from bench import series
from bench.broker import broker_url
from bench.c_client import CClient
from bench.process import BENCHMARKS, Process
from bench.results import FOLDER, Results
from bench.series import Series
from bench.serving import LOAD_TIMEOUT, Line
from bench.subjects import SUBJECTS
from bench.wire import Wire

KEPT = FOLDER / "growth.json"
BATON = SUBJECTS[0]
FLEETS = (10, 100, 1000)
SIZES = (100, 1024, 10 * 1024, 100 * 1024, 1024 * 1024)
MONITORS = (1, 2, 5, 10, 20)
HISTORY = (10_000, 30_000, 100_000, 300_000)
WARM_UP = 200
MOST_BYTES = 32 << 20
"""Bytes of one load at most."""


def _service(url: str, exchange: str, queues: int = 1) -> Process:
    return BATON.process(url, exchange, CClient(install=False), queues=queues)


def fleets(url: str, count: int, full: bool) -> list[Series]:
    """Simulated servers in one process: answers a second of pings to all, and memory."""
    grows = "servers in a process"
    rate = Series("fleet", grows, "Answers to pings of all", "msg/s")
    memory = Series("fleet", grows, "Memory after that", "MiB")
    cpu = Series("fleet", grows, "CPU of an answer", "µs")
    for size in (*FLEETS, 10_000) if full else FLEETS:
        exchange = f"bench_fleet_{size}"
        pings = max(2, min(50, count // size))
        with Line(url, exchange) as line, _service(url, exchange, size) as process:
            line.trips(BATON.dialect, 1, size)
            spent = process.cpu
            took = line.trips(BATON.dialect, pings, size)
            rate.add(size, size * pings / sum(took))
            cpu.add(size, (process.cpu - spent) / (size * pings) * 1e6)
            memory.add(size, process.memory)
        print(f"  {size:,} servers", flush=True)
    return [rate, cpu, memory]


def sizes(url: str, count: int) -> list[Series]:
    """Commands of such sizes, answered by an ordinary pong."""
    grows = "bytes of a command"
    rate = Series("size", grows, "Throughput, at least once", "msg/s")
    volume = Series("size", grows, "Volume of commands", "MiB/s")
    memory = Series("size", grows, "Memory after that", "MiB")
    for size in SIZES:
        exchange = f"bench_size_{size}"
        messages = max(20, min(count, MOST_BYTES // size))
        with Line(url, exchange) as line, _service(url, exchange) as process:
            line.load(BATON.dialect, min(WARM_UP, messages), size)
            found = messages / line.load(BATON.dialect, messages, size)
            rate.add(size, found)
            volume.add(size, found * size / 2**20)
            memory.add(size, process.memory)
        print(f"  {size:,} bytes", flush=True)
    return [rate, volume, memory]


def monitors(url: str, count: int) -> list[Series]:
    """So many that hear every output: the broker's work, and hardly the service's."""
    grows = "monitors"
    rate = Series("monitors", grows, "Throughput, at least once", "msg/s")
    cpu = Series("monitors", grows, "The service's CPU of a message", "µs")
    memory = Series("monitors", grows, "The service's memory", "MiB")
    for size in MONITORS:
        exchange = f"bench_monitors_{size}"
        with (
            ExitStack() as stack,
            Line(url, exchange) as line,
            _service(url, exchange) as process,
        ):
            others = []
            for _ in range(size - 1):
                wire = stack.enter_context(Wire(url))
                wire.consume(wire.queue(f"{exchange}_out"))
                others.append(wire)
            _together(others, WARM_UP, lambda: line.load(BATON.dialect, WARM_UP))
            spent = process.cpu
            rate.add(
                size, count / _together(others, count, lambda: line.load(BATON.dialect, count))
            )
            cpu.add(size, (process.cpu - spent) / count * 1e6)
            memory.add(size, process.memory)
        print(f"  {size} monitors", flush=True)
    return [rate, cpu, memory]


def _together(others: list[Wire], count: int, load: Callable[[], float]) -> float:
    """Seconds of a load until the last of *others* has heard it, too."""
    threads = [
        threading.Thread(target=each.count, args=(count, LOAD_TIMEOUT), daemon=True)
        for each in others
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    took = load()
    for thread in threads:
        thread.join(LOAD_TIMEOUT)
    return max(took, time.perf_counter() - began) if threads else took


def history(most: int) -> list[Series]:
    """The store of the dashboard's monitor."""
    grows = "outputs in the store"
    rate = Series("history", grows, "Outputs written", "a second")
    asked = Series("history", grows, "The latest 100 events", "ms")
    memory = Series("history", grows, "Memory", "MiB")
    wanted = [str(each) for each in HISTORY if each <= most]
    command = [sys.executable, "-m", "bench.history", *wanted]
    ran = subprocess.run(
        command, cwd=BENCHMARKS, stdout=subprocess.PIPE, text=True, check=True, timeout=600
    )
    for point in json.loads(ran.stdout):
        rate.add(point["size"], point["rate"])
        asked.add(point["size"], point["asked"])
        memory.add(point["size"], point["memory"])
    return [rate, asked, memory]


def main() -> None:
    """Measure, show, keep and draw."""
    parser = argparse.ArgumentParser(prog="growth", description=__doc__)
    parser.add_argument("--url", help="a broker to use; by default one as the tests find it")
    parser.add_argument("--count", type=int, default=5000, help="messages of a load")
    parser.add_argument("--history", type=int, default=max(HISTORY), help="outputs in the store")
    parser.add_argument("--full", action="store_true", help="10,000 servers, too")
    given = parser.parse_args()
    about = Results.begin(1, quick=False).about
    with broker_url(given.url) as url:
        found = fleets(url, given.count, given.full)
        found += sizes(url, given.count)
        found += monitors(url, given.count)
    found += history(given.history)
    series.write(found, about, KEPT)
    print(series.text(found))
    for path in series.draw(found, FOLDER):
        print(f"drawn: {path}")


if __name__ == "__main__":
    main()
