"""A simulated fleet: how soon it is ready, what a server costs, and how soon all have answered."""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from broker import broker_url

from baton import Collector, Configuration
from baton_ping.extension import extension

BATON = Path(sys.executable).parent / "baton"


class Fleet:
    """So many servers in a process of their own; it ends with the block."""

    def __init__(self, url: str, count: int) -> None:
        self._command = [str(BATON), "run", "ping", "--url", url, "--simulate", str(count)]
        self._command += ["--environments", "production"]
        self.ready = 0.0
        """Seconds until all were ready, from the start of the process."""

    def __enter__(self) -> Fleet:
        began = time.perf_counter()
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "ready since" in line:
                self.ready = time.perf_counter() - began
                return self
        raise SystemExit("The fleet ended before it was ready")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=30)

    @property
    def memory(self) -> float:
        """Its resident memory in KiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return float(found[1])


async def ping(url: str, count: int) -> float:
    """Milliseconds from the publish until all have answered, each once."""
    said: Counter[str] = Counter()
    elapsed = 0.0
    async with Collector(Configuration(rabbit_url=url), extension) as collector:
        await collector.send({"type": "ping"}, ["production"])
        async for reply in collector.replies(60):
            if reply.is_output:
                said[reply.fqdn] += 1
                elapsed = max(elapsed, reply.elapsed)
            if len(said) == count:
                break
    if len(said) != count or set(said.values()) != {1}:
        raise SystemExit(f"{len(said)} of {count} answered, {said.total()} times")
    return elapsed * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a broker to use; without it, one is started")
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--pings", type=int, default=5)
    options = parser.parse_args()
    with broker_url(options.url) as url:
        with Fleet(url, 1) as one:
            base = one.memory
        with Fleet(url, options.servers) as fleet:
            at_rest = fleet.memory
            times = [asyncio.run(ping(url, options.servers)) for _ in range(options.pings)]
            after = fleet.memory
    each = options.servers - 1
    print(f"{options.servers:,} simulated servers in one process")
    print(f"ready                     {fleet.ready:9.1f} s, from the start of the process")
    print(f"memory, one server        {base / 1024:9.1f} MiB")
    print(f"memory, each more, ready  {(at_rest - base) / each:9.1f} KiB")
    print(f"memory, each more, pinged {(after - base) / each:9.1f} KiB, after {len(times)} pings")
    print(f"all answered a ping       {statistics.median(times):9.1f} ms, the median")


if __name__ == "__main__":
    main()
