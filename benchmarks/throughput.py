"""Pings as fast as they are taken: baton-ping, and the transports alone, beside a bare aio-pika
service, at least once all of them.

Each service runs in a process of its own: it takes a ping, publishes a pong, and acknowledges the
ping when the pong is confirmed. A driver keeps so many pings under way that none is ever idle, and
asks one service after the other, in rounds, so that whatever else the machine does meets all. CPU
is the service's own, by message: it can be compared on a machine that has other work, too.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from broker import broker_url
from round_trip import HERE, service

from baton.configuration import Configuration
from baton.message import Envelope
from baton.transports import (
    Binding,
    Delivery,
    Publication,
    Queue,
    Topology,
    Transport,
    TransportListener,
    open_transport,
)

DEADLINE = 120


@dataclass
class Subject:
    """A service that is measured: where it listens, and what each round gave."""

    name: str
    prefix: str
    command: list[str]
    ready: str = "ready"
    environment: dict[str, str] = field(default_factory=dict)
    pid: int = 0
    rates: list[float] = field(default_factory=list)
    """Messages a second."""
    costs: list[float] = field(default_factory=list)
    """Microseconds of CPU a message."""

    def cpu(self) -> float:
        """Seconds of CPU that its threads have had."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


class Driver(TransportListener):
    """Keeps *window* pings under way until *count* pongs have come."""

    def __init__(self, window: int) -> None:
        self.transport: Transport
        self._window = window
        self._prefix = ""
        self._sent = self._count = self._seen = 0
        self._done = asyncio.Event()

    async def run(self, prefix: str, count: int) -> float:
        """Seconds that *count* pings took."""
        self._prefix, self._count, self._sent, self._seen = prefix, count, 0, 0
        self._done.clear()
        began = time.perf_counter()
        self._send(self._window)
        async with asyncio.timeout(DEADLINE):
            await self._done.wait()
        return time.perf_counter() - began

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        self.transport.acknowledge(deliveries)
        self._seen += len(deliveries)
        self._send(len(deliveries))
        if self._seen >= self._count:
            self._done.set()

    def _send(self, number: int) -> None:
        number = min(number, self._count - self._sent)
        self._sent += number
        self.transport.publish(
            [
                Publication(
                    self._sent,
                    f"{self._prefix}_in",
                    "production",
                    b'{"type":"ping"}',
                    Envelope(message_id=f"{time.monotonic_ns()}.{each}"),
                )
                for each in range(number)
            ]
        )


async def measure(url: str, subjects: list[Subject], options: argparse.Namespace) -> None:
    """Ask each of *subjects* in each round."""
    configuration = Configuration(rabbit_url=url)
    driver = Driver(options.window)
    transport = open_transport(configuration, configuration.endpoints[0], driver, "driver")
    driver.transport = transport
    await transport.open()
    bindings = [Binding("pongs", f"{subject.prefix}_out", "") for subject in subjects]
    await transport.declare(Topology((), [Queue("pongs")], bindings))
    await transport.consume("pongs", 2000)
    for at in range(options.rounds + 1):
        for subject in subjects:
            before = subject.cpu()
            took = await driver.run(subject.prefix, options.pings)
            if at:  # the first round warms up
                subject.rates.append(options.pings / took)
                subject.costs.append((subject.cpu() - before) / options.pings * 1e6)
    await transport.close()


def subjects_of(url: str, ways: list[str]) -> list[Subject]:
    """What is measured; of those that would share exchanges one."""
    python = sys.executable
    alone = [python, str(HERE / "bare_transport.py"), url]
    ping = [str(Path(python).parent / "baton-ping"), "--url", url]
    identity = {"BATON_ENVIRONMENT": "production", "BATON_FQDN": "web01.example.org"}
    return [
        Subject("bare aio-pika", "bare", [python, str(HERE / "bare_aio_pika.py"), url]),
        Subject("transport alone", "transport", [*alone, *ways]),
        Subject("baton-ping", "baton_ping", ping, "is ready", identity),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a broker to use; without it, one is started")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pings", type=int, default=5000)
    parser.add_argument("--window", type=int, default=500, help="pings under way")
    parser.add_argument("--plain", action="store_true", help="the transport's slow way")
    parser.add_argument("--uvloop", action="store_true", help="the transport on uvloop")
    options = parser.parse_args()
    ways = [way for way in ("plain", "uvloop") if getattr(options, way)]
    with broker_url(options.url) as url, ExitStack() as stack:
        subjects = subjects_of(url, ways)
        for subject in subjects:
            arguments = (subject.command, subject.ready, subject.environment)
            subject.pid = stack.enter_context(service(*arguments))
        asyncio.run(measure(url, subjects, options))
    bare = statistics.median(subjects[0].costs)
    print(f"{options.rounds} rounds of {options.pings} pings each, interleaved; medians")
    for subject in subjects:
        rate, cost = statistics.median(subject.rates), statistics.median(subject.costs)
        print(
            f"{subject.name:<16} {rate:8,.0f} messages/s {cost:7.1f} µs of CPU a message "
            f"  {bare / cost:5.1f} × less than bare"
        )


if __name__ == "__main__":
    main()
