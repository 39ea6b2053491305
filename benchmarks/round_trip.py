"""Ping → pong over RabbitMQ, one at a time: baton-ping beside a bare aio-pika service.

Both services run in processes of their own and give the same guarantee; one requester asks both in
turn, in rounds, so that whatever else the machine does meets both.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from broker import broker_url

HERE = Path(__file__).parent


@dataclass
class Subject:
    """A service that is measured: where it listens, and the times it took, in seconds."""

    name: str
    prefix: str
    times: list[float] = field(default_factory=list)

    def percentile(self, percent: int) -> float:
        """In microseconds."""
        return statistics.quantiles(self.times, n=100)[percent - 1] * 1e6


@contextmanager
def service(arguments: list[str], ready: str, environment: dict[str, str]) -> Iterator[int]:
    """Run a service until the end of the block; it is ready when the block begins, with its PID."""
    process = subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if ready in line:
                break
        else:
            raise SystemExit(f"{arguments[0]} ended before it was ready")
        drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
        yield process.pid
        process.terminate()
        process.wait(30)
        drain.wait(30)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def measure(url: str, subjects: list[Subject], rounds: int, pings: int) -> None:
    """Ask each of *subjects* *pings* times in each of *rounds*."""
    connection = await aio_pika.connect(url)
    channel = await connection.channel(publisher_confirms=False)
    answered = asyncio.Event()

    async def on_pong(message: AbstractIncomingMessage) -> None:
        answered.set()

    exchanges = {}
    for subject in subjects:
        exchanges[subject.name] = await channel.get_exchange(f"{subject.prefix}_in")
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(f"{subject.prefix}_out", "")
        await queue.consume(on_pong, no_ack=True)
    for at in range(rounds + 1):
        for subject in subjects:
            for number in range(pings):
                answered.clear()
                message = aio_pika.Message(
                    b'{"type":"ping"}',
                    content_type="application/json",
                    message_id=f"{subject.name}{at}.{number}",
                )
                began = time.perf_counter()
                await exchanges[subject.name].publish(message, "production")
                await answered.wait()
                if at:  # the first round warms up
                    subject.times.append(time.perf_counter() - began)
    await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a broker to use; without it, one is started")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pings", type=int, default=500)
    options = parser.parse_args()
    bare = Subject("bare aio-pika", "bare")
    baton = Subject("baton-ping", "baton_ping")
    executable = str(Path(sys.executable).parent / "baton-ping")
    identity = {"BATON_ENVIRONMENT": "production", "BATON_FQDN": "web01.example.org"}
    with (
        broker_url(options.url) as url,
        service([sys.executable, str(HERE / "bare_aio_pika.py"), url], "ready", {}),
        service([executable, "--url", url], "is ready", identity),
    ):
        asyncio.run(measure(url, [bare, baton], options.rounds, options.pings))
    print(f"{options.rounds} rounds of {options.pings} pings each, interleaved; microseconds")
    for subject in (bare, baton):
        print(
            f"{subject.name:<14} p50 {subject.percentile(50):7.0f}   "
            f"p99 {subject.percentile(99):7.0f}"
        )
    print(f"ratio of p50   {baton.percentile(50) / bare.percentile(50):7.2f}   (goal: 1.6 or less)")


if __name__ == "__main__":
    main()
