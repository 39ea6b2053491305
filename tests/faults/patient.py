"""A service in a process of its own, that tests make ill: by signals, limits, and its handlers."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from baton import Collector
from baton.errors import BatonError
from brokers import Vhost
from faults.afflicted import extension
from integration.running import Process

QUICK = {"PULSE": 0.5, "DEADLINE": 1.0, "RECONNECT_MAX": 0.3, "GRACE": 5.0}
"""Settings with which a test needn't wait for what is slow on purpose."""

TESTS = Path(__file__).parents[1]
PROGRAM = [sys.executable, "-u", "-m", "faults.afflicted"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one command: the outputs in order, and the outcome (empty: it never ended)."""

    outputs: list[dict[str, Any]]
    outcome: str
    message_id: str | None

    @property
    def last(self) -> dict[str, Any]:
        """The last output."""
        return self.outputs[-1]


@dataclass
class Patient:
    """A process that runs :class:`faults.afflicted.AfflictedService`."""

    vhost: Vhost
    fqdn: str
    port: int
    process: Process
    environment: dict[str, str]

    async def tell(
        self,
        type: str,
        *,
        to: str = "async",
        timeout: float = 15.0,
        expires: float = 30.0,
        **more: Any,
    ) -> Answer:
        """Send a command to its consumer *to*, and wait until it has finished, or *timeout*."""
        configuration = self.vhost.configuration()
        outputs: list[dict[str, Any]] = []
        outcome = ""
        async with Collector(configuration, extension) as collector:
            await collector.send({"type": type, **more}, [f"{to}.{self.fqdn}"], expires=expires)
            async with asyncio.timeout(timeout + 5):
                async for reply in collector.replies(timeout):
                    outputs += [dict(reply.message)] if reply.is_output else []
                    if reply.end is not None:
                        outcome = reply.outcome
                        break
            return Answer(outputs, outcome, collector.message_id)

    async def answers(self, within: float = 10.0, to: str = "async") -> float:
        """Ask until it answers; after how many seconds. Fails after *within*."""
        began = time.monotonic()
        async with asyncio.timeout(within):
            while True:
                try:
                    if (await self.tell("ok", to=to, timeout=1.0)).outcome == "done":
                        return time.monotonic() - began
                except BatonError:
                    await asyncio.sleep(0.05)  # nobody listens: ask again, not in a tight loop

    def health(self, path: str = "/readyz", timeout: float = 5.0) -> tuple[int, dict[str, Any]]:
        """What a probe sees: the status, and the document. Raises OSError when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    async def begun(self) -> None:
        """Wait until a handler has said in the log that it has begun."""
        await asyncio.to_thread(self.process.wait_for, "'begun'")

    async def becomes_ready(self, within: float = 15.0) -> float:
        """Wait until it says so to a probe; after how many seconds. Fails after *within*."""
        began = time.monotonic()
        async with asyncio.timeout(within):
            while not await asyncio.to_thread(self._is_ready):  # noqa: ASYNC110  (of a process)
                await asyncio.sleep(0.05)
        return time.monotonic() - began

    def _is_ready(self) -> bool:
        try:
            return self.health()[0] == 200
        except OSError:
            return False

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self.process.pid

    def log(self, text: str) -> int:
        """How many lines of its log contain *text*."""
        return sum(text in line for line in self.process.lines)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.signal(number)


def run(patient: Patient, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the same program once more to its end, with the same settings: ``--status``, say."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=os.environ | patient.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@contextmanager
def patient(
    vhost: Vhost,
    fqdn: str = "web01.example.org",
    *,
    wait: bool = True,
    more_environment: Mapping[str, str] = MappingProxyType({}),
    **settings: Any,
) -> Iterator[Patient]:
    """A patient, ended with the block however it is; ready when the block begins unless *wait* is
    false. *settings* are Baton's, in upper case."""
    port = free_port()
    merged = QUICK | {"FQDN": fqdn, "HEALTH_PORT": port} | settings
    environment = {f"BATON_{name}": str(value) for name, value in merged.items()}
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    environment["PYTHONPATH"] = path
    environment |= more_environment
    process = Process([*PROGRAM, "--url", vhost.url], environment)
    try:
        if wait:
            process.wait_for("is ready")
        yield Patient(vhost, fqdn, port, process, environment)
    finally:
        process.end()
