"""What a soak does: it pings, takes samples, and has things go wrong."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from baton import Collector, Configuration
from baton.errors import BatonError
from baton_ping.extension import extension
from brokers import Vhost
from faults.fleet import ENVIRONMENT
from faults.judgement import RECOVERY, Fault, Ping, Record, Sample
from faults.wire import Wire

_TESTS = Path(__file__).parents[1]
_PATIENCE = 5.0
"""Seconds that a ping waits for its answers."""
_MOST_PINGS = 10
"""At a time."""


class FleetProcess:
    """The process of the fleet, measured from outside, and by what it says itself."""

    def __init__(self, url: str, servers: int) -> None:
        self.lines: list[str] = []
        self.said: dict[str, float] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "faults.fleet", url, str(servers)],
            cwd=_TESTS,
            env=os.environ | {"PYTHONPATH": str(_TESTS)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def values(self) -> dict[str, float]:
        """What is to be measured of it."""
        folder = Path(f"/proc/{self._process.pid}")
        pages = int((folder / "statm").read_text().split()[1])
        return {
            "resident memory (MiB)": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
            "file descriptors": sum(1 for _ in (folder / "fd").iterdir()),
            "threads": self.said.get("threads", 0),
            "asyncio tasks": self.said.get("tasks", 0),
        }

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self) -> int:
        """End it in good order; its exit code."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            code = self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join(5)
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if line.startswith("{"):
                    self.said = json.loads(line)
                else:
                    self.lines.append(line.rstrip())


@dataclass(kw_only=True)
class Soak(Record):
    """One that is done, on *vhost*. The fleet's end of the *line* is what is cut. *wait* are the
    seconds between a recovery and the next fault, at least and at most."""

    vhost: Vhost
    line: Wire
    wait: tuple[float, float] = (5.0, 20.0)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._configuration = Configuration(rabbit_url=self.vhost.url, environment=ENVIRONMENT)
        self._began = 0.0
        self._quiet = False
        self._complete = asyncio.Event()
        self._complete_from = 0.0
        self.kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "connections closed": self._close_connections,
            "broker restarted": lambda: asyncio.to_thread(self.vhost.broker.restart),
            "broker frozen for 5 s": self._freeze,
            "broker killed": self._kill,
            "queue deleted": self._delete_queue,
            "memory alarm for 5 s": self._alarm,
            "fleet stopped for 5 s": self._stop_fleet,
            "line cut for 2 s": self._cut,
        }

    async def run(self) -> None:
        """Do it."""
        self.fleet = FleetProcess(self.line.end, self.servers)
        self._began = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                others = [
                    group.create_task(self._ping_on()),
                    group.create_task(self._sample_on()),
                ]
                try:
                    await self._recover(Fault("start", self._now, self._now), RECOVERY)
                    while self._now < self.seconds and self.fleet.runs:
                        await asyncio.sleep(self._random.uniform(*self.wait))
                        await self._fault()
                    await asyncio.sleep(min(self.wait))
                finally:
                    for task in others:
                        task.cancel()
        finally:
            self.code = await asyncio.to_thread(self.fleet.end)

    @property
    def _now(self) -> float:
        return time.monotonic() - self._began

    async def _fault(self) -> None:
        what = self._random.choice(list(self.kinds))
        fault = Fault(what, self._now)
        self.faults.append(fault)
        self._quiet = False
        await self.kinds[what]()
        fault.ended = self._now
        await self._recover(fault, RECOVERY)

    async def _recover(self, fault: Fault, patience: float) -> None:
        """Wait for a ping that was sent after the end of *fault* and that all have answered."""
        self._complete_from = fault.ended
        self._complete.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._complete.wait()
                fault.recovered = self._now
                self._quiet = True

    async def _ping_on(self) -> None:
        async with asyncio.TaskGroup() as group:
            under_way: set[asyncio.Task[None]] = set()
            for number in range(sys.maxsize):
                await asyncio.sleep(max(0.0, number - self._now))
                if len(under_way) < _MOST_PINGS:
                    task = group.create_task(self._ping())
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)

    async def _ping(self) -> None:
        sent, answered = self._now, set()
        with suppress(BatonError, TimeoutError):
            async with (
                asyncio.timeout(3 * _PATIENCE),
                Collector(self._configuration, extension) as collector,
            ):
                await collector.send({"type": "ping"}, [ENVIRONMENT])
                async for reply in collector.replies(_PATIENCE):
                    answered.add(reply.fqdn)
                    if len(answered) == self.servers:
                        break
        self.pings.append(Ping(sent, self._now, len(answered)))
        if len(answered) == self.servers and sent >= self._complete_from:
            self._complete.set()

    async def _sample_on(self) -> None:
        for number in range(sys.maxsize):
            await asyncio.sleep(max(0.0, number - self._now))
            quiet = self._quiet
            values = dict(self.fleet.values) if self.fleet.runs else {}
            if quiet:
                with suppress(Exception):  # the management API is the broker's, too
                    counts = await asyncio.to_thread(self._broker_values)
                    values |= counts
            self.samples.append(Sample(self._now, quiet and self._quiet, values))

    def _broker_values(self) -> dict[str, float]:
        return {
            "queues": len(self.vhost.queues()),
            "connections": len(self.vhost.connections()),
        }

    async def _close_connections(self) -> None:
        await asyncio.to_thread(self.vhost.close_connections)

    async def _freeze(self) -> None:
        with self.vhost.broker.paused():
            await asyncio.sleep(5)

    async def _kill(self) -> None:
        await asyncio.to_thread(self.vhost.broker.kill)
        await asyncio.to_thread(self.vhost.broker.start)

    async def _delete_queue(self) -> None:
        queues = await asyncio.to_thread(self.vhost.queues)
        names = sorted(each["name"] for each in queues if ".sim" in each["name"])
        await asyncio.to_thread(self.vhost.delete_queue, self._random.choice(names))

    async def _alarm(self) -> None:
        await asyncio.to_thread(self.vhost.broker.set_memory_alarm, True)
        await asyncio.sleep(5)
        await asyncio.to_thread(self.vhost.broker.set_memory_alarm, False)

    async def _stop_fleet(self) -> None:
        self.fleet.signal(signal.SIGSTOP)
        await asyncio.sleep(5)
        self.fleet.signal(signal.SIGCONT)

    async def _cut(self) -> None:
        await asyncio.to_thread(self.line.cut)
        await asyncio.sleep(2)
        await asyncio.to_thread(self.line.mend)
