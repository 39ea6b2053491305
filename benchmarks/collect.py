"""Collecting the answers of a big fleet: how long it takes, and what memory the collector needs."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from broker import broker_url

BATON = Path(sys.executable).parent / "baton"
TARGET = "production"


@contextmanager
def fleet(url: str, count: int, processes: int) -> Iterator[list[str]]:
    """*count* simulated servers in so many processes, ready; their names."""
    share, rest = divmod(count, processes)
    sizes = [share + (number < rest) for number in range(processes)]
    with ExitStack() as stack:
        # One after the other, and patiently: together they would ask for all their queues at once.
        for number, size in enumerate(sizes):
            _start(stack, url, size, f"p{number}")
        yield [
            f"p{number}{each:05}.example.org"
            for number, size in enumerate(sizes)
            for each in range(1, size + 1)
        ]


def _start(stack: ExitStack, url: str, count: int, prefix: str) -> None:
    command = [str(BATON), "run", "ping", "--url", url, "--simulate", str(count)]
    command += ["--environments", TARGET, "--prefix", prefix]
    patient = {**os.environ, "BATON_DEADLINE": "120", "BATON_PULSE": "300"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=patient)
    stack.callback(process.communicate)
    stack.callback(process.terminate)
    assert process.stderr is not None
    if not any("ready since" in line for line in process.stderr):
        raise SystemExit("A part of the fleet ended before it was ready")


async def collect(url: str, count: int, names: list[str]) -> dict[str, float]:
    """Ping the fleet, or *names* one by one, and say what it took."""
    from baton import Collection, Configuration, Expected, Request  # noqa: PLC0415
    from baton_ping.extension import extension  # noqa: PLC0415

    request = Request(
        message={"type": "ping"},
        targets=tuple(names) or (TARGET,),
        expected=Expected(names=frozenset(names)) if names else Expected(number=count),
        timeout=60,
    )
    began = time.perf_counter()
    async with Collection(Configuration(rabbit_url=url), extension, request) as collection:
        rows = sum([reply.is_output async for reply in collection])
    result = collection.result()
    if not result.succeeded or not result.complete or result.answered != count or rows != count:
        raise SystemExit(f"Not everybody answered once: {result}")
    return {
        "all": time.perf_counter() - began,
        "slowest": result.latency.maximum if result.latency else 0.0,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def collect_apart(url: str, count: int, names: list[str]) -> dict[str, float]:
    """The same in a process of its own, whose memory is measured."""
    command = [sys.executable, __file__, "--url", url, "--collect", str(count)]
    ran = subprocess.run(
        command, input=json.dumps(names), capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise SystemExit(ran.stdout + ran.stderr)
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a broker to use; without it, one is started")
    parser.add_argument("--servers", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--pings", type=int, default=3)
    parser.add_argument("--collect", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.collect:
        names = json.load(sys.stdin)
        print(json.dumps(asyncio.run(collect(options.url, options.collect, names))))
        return
    print("servers  asked by     all answered   slowest   peak memory of the collector")
    with broker_url(options.url) as url:
        for count in options.servers:
            with fleet(url, count, options.processes) as names:
                for how, targets in (("environment", []), ("name", names)):
                    found = [collect_apart(url, count, targets) for _ in range(options.pings)]
                    best = min(found, key=lambda each: each["all"])
                    print(
                        f"{count:7,}  {how:11}  {best['all']:9.2f} s  {best['slowest']:7.2f} s  "
                        f"{max(each['memory'] for each in found):9.1f} MiB",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
