"""The dashboard under load: thousands of servers that are pinged every few seconds. What of them it
saw and kept, what that costs, and how quick its first page is meanwhile."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import baton
from baton import Configuration, Message
from baton.link import Phase
from bench.broker import broker_url
from bench.process import Process
from bench.subjects import BIN, KEY

MONITOR = BIN / "baton-ping-monitor"
TICKS = os.sysconf("SC_CLK_TCK")
WARM_UP = 60.0
"""Seconds after which memory should not grow any more."""


class Listener(baton.Monitor):
    """Hears every output, too, and keeps nothing of it but its id."""

    extension = "baton-ping"
    batch = 1000

    def __init__(self, configuration: Configuration, ids: set[str]) -> None:
        super().__init__(configuration)
        self._ids = ids

    async def process_messages(self, messages: Sequence[Message]) -> None:
        """Count them."""
        self._ids.update(each.message_id for each in messages if each.message_id is not None)


@contextmanager
def witness(url: str) -> Iterator[set[str]]:
    """The ids of all outputs that the broker distributes meanwhile."""
    ids: set[str] = set()
    ready, end = threading.Event(), threading.Event()

    async def listen() -> None:
        listener = Listener(Configuration(rabbit_url=url, prefetch=2000), ids)
        listener.watch(lambda state: ready.set() if state.phase is Phase.READY else None)
        await listener.start()
        await asyncio.to_thread(end.wait)
        await listener.stop()

    thread = threading.Thread(target=asyncio.run, args=(listen(),))
    thread.start()
    if not ready.wait(60):
        raise SystemExit("The broker does not answer")
    try:
        yield ids
    finally:
        end.set()
        thread.join()


class Dashboard:
    """A dashboard in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.url = url
        self.pid = process.pid

    def fetch(self, path: str = "") -> str:
        """A page of it."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as answer:
            return str(answer.read().decode())

    @property
    def cpu(self) -> float:
        """Seconds of a core that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def memory(self) -> float:
        """Its resident memory in MiB."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1024


@contextmanager
def running(url: str, folder: Path, every: float) -> Iterator[Dashboard]:
    """A dashboard that pings every so many seconds; it ends with the block."""
    command = [str(MONITOR), "--url", url, "--port", "0", "--instance", "load"]
    command += ["--database", f"sqlite:///{folder}/load.db", "--ping-every", f"{every:g}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        if found is None:
            raise SystemExit(f"The dashboard did not start: {process.communicate()[1]}")
        threading.Thread(target=process.communicate, daemon=True).start()
        yield Dashboard(process, found[0])
    finally:
        process.terminate()
        process.wait(60)


def kept(folder: Path) -> set[str]:
    """The ids of the outputs in the store."""
    with closing(sqlite3.connect(f"file:{folder}/load.db?mode=ro", uri=True)) as connection:
        return {row[0] for row in connection.execute("SELECT message_id FROM outputs")}


def count(folder: Path, query: str) -> int:
    """What the store says to *query*."""
    with closing(sqlite3.connect(f"file:{folder}/load.db?mode=ro", uri=True)) as connection:
        return int(connection.execute(query).fetchone()[0])


def pinged(monitor: Dashboard) -> int:
    """How often the fleet was pinged."""
    found = re.search(r"^baton_pings_total (\S+)", monitor.fetch("metrics"), re.MULTILINE)
    return 0 if found is None else int(float(found[1]))


def watch(monitor: Dashboard, seconds: float) -> tuple[list[float], list[float]]:
    """Look at the first page every second: milliseconds that it took, and MiB of memory."""
    times: list[float] = []
    memory: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        monitor.fetch()
        times.append((time.perf_counter() - began) * 1000)
        memory.append(monitor.memory)
        time.sleep(1)
    return times, memory


def fleet(url: str, count: int) -> Process:
    """So many servers in a process of their own."""
    command = [str(BIN / "baton"), "run", "ping", "--url", url, "--simulate", str(count)]
    return Process([*command, "--environments", KEY], "ready since", {"BATON_DEADLINE": "60"})


def main() -> None:
    """Run it, and print figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a RabbitMQ; by default one in a container")
    parser.add_argument("--servers", type=int, default=5_000)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two pings")
    parser.add_argument("--minutes", type=float, default=10.0)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        broker_url(given.url) as url,
        fleet(url, given.servers) as servers,
        running(url, Path(name), given.every) as monitor,
        witness(url) as said,
    ):
        folder = Path(name)
        print(f"{given.servers:,} servers were ready after {servers.ready:.1f} s", flush=True)
        watch(monitor, WARM_UP)
        cpu, began = monitor.cpu, time.monotonic()
        times, memory = watch(monitor, given.minutes * 60)
        spent = time.monotonic() - began
        share = (monitor.cpu - cpu) / spent
        rounds = pinged(monitor)
        heard = set(said)
        time.sleep(5)  # what was heard there is kept by now
        lost = len(heard - kept(folder))
        pongs = count(folder, "SELECT count(*) FROM outputs WHERE sort = 1")
        missed = count(folder, "SELECT count(*) FROM missed")
        size = (folder / "load.db").stat().st_size / 1024**2
        expected = rounds * given.servers
        print(
            f"{rounds} pings of {given.servers:,} servers in {(spent + WARM_UP) / 60:.1f} min\n"
            f"{len(heard):,} outputs were heard by another monitor, {lost:,} of them not here\n"
            f"{pongs:,} pongs kept of {expected:,} that were asked for, {missed:,} not in time\n"
            f"CPU {share:.0%} of a core\n"
            f"memory {memory[0]:.0f} MiB after {WARM_UP:.0f} s, {memory[-1]:.0f} MiB at the end, "
            f"{max(memory):.0f} MiB at most\n"
            f"the fleet page: p50 {statistics.median(times):.0f} ms, "
            f"p95 {statistics.quantiles(times, n=20)[-1]:.0f} ms\n"
            f"the database: {size:.0f} MiB"
        )


if __name__ == "__main__":
    main()
