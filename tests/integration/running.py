"""Services and commands as a user runs them: in this loop, or as processes of their own."""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baton import Collector, Configuration, Reply, Server, Service
from baton.errors import BatonError
from baton.link import Phase
from baton_ping.extension import extension
from baton_ping.service import PingService

WEB01 = Server("web01.example.org", "production", ("shop",))


@asynccontextmanager
async def running(
    configuration: Configuration,
    server: Server = WEB01,
    kind: type[Service] = PingService,
    *,
    ready: bool = True,
) -> AsyncIterator[Service]:
    """A service in this event loop; by default it is ready when the block begins."""
    service = kind(configuration, server)
    await service.start()
    try:
        if ready:
            await reach(service, Phase.READY)
        yield service
    finally:
        await service.stop(0)


async def reach(service: Service, phase: Phase, timeout: float = 30) -> None:
    """Wait until the state of *service* is *phase*."""
    changed = asyncio.Event()
    service.watch(lambda _: changed.set())
    async with asyncio.timeout(timeout):
        while service.channel.state.phase is not phase:
            changed.clear()
            await changed.wait()


@asynccontextmanager
async def reaching(service: Service, phase: Phase, timeout: float = 30) -> AsyncIterator[None]:
    """What is done in the block has *service* reach *phase*, however soon it leaves it again."""
    reached = asyncio.Event()
    service.watch(lambda state: reached.set() if state.phase is phase else None)
    yield
    async with asyncio.timeout(timeout):
        await reached.wait()


async def ask(
    configuration: Configuration,
    message: dict[str, Any],
    *keys: str,
    timeout: float = 10,
) -> list[Reply]:
    """Send a command as ``baton ping`` does, and collect what is said to it."""
    async with Collector(configuration, extension) as collector:
        await collector.send(message, keys)
        return [reply async for reply in collector.replies(timeout)]


async def answers_within(
    configuration: Configuration, seconds: float, key: str = WEB01.fqdn
) -> float:
    """Ping *key* until it answers, and say after how many seconds; fails after *seconds*."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while True:
            try:
                replies = await ask(configuration, {"type": "ping"}, key, timeout=0.5)
            except BatonError:
                await asyncio.sleep(0.05)  # nobody listens: ask again, not in a tight loop
                continue
            if any(reply.message.type == "pong" for reply in replies):
                return time.monotonic() - began


@dataclass
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float


def command(
    *arguments: str, program: str = "baton", given: str | None = None, **environment: str
) -> Finished:
    """Run an installed command to its end, with *given* as its standard input."""
    began = time.monotonic()
    ended = subprocess.run(
        [_installed(program), *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env=os.environ | environment,
    )
    return Finished(ended.returncode, ended.stdout, ended.stderr, time.monotonic() - began)


class Process:
    """A command that runs, and whose lines can be waited for."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.lines: list[str] = []
        self._new: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | environment,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, text: str, timeout: float = 30) -> str:
        """The next line that contains *text*; fails after *timeout* seconds or at the end."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                line = self._new.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {text!r} in {timeout} s: {self.lines}") from None
            if line is None:
                raise AssertionError(f"ended without {text!r}: {self.lines}")
            if text in line:
                return line

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def used(self) -> float:
        """The seconds of a processor that it has taken (on Linux), however busy the machine is."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self, timeout: float = 30) -> int:
        """Its exit code."""
        code = self._process.wait(timeout)
        self._reader.join(5)
        return code

    def end(self) -> None:
        """End it, however it is."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip())
            self._new.put(line)
        self._new.put(None)


@contextmanager
def process(*arguments: str, program: str = "baton-ping", **environment: str) -> Iterator[Process]:
    """Start an installed command, and end it with the block."""
    started = Process([_installed(program), *arguments], environment)
    try:
        yield started
    finally:
        started.end()


@contextmanager
def script(path: Path, *arguments: str, **environment: str) -> Iterator[Process]:
    """Start a Python script, and end it with the block."""
    started = Process([sys.executable, "-u", str(path), *arguments], environment)
    try:
        yield started
    finally:
        started.end()


def _installed(program: str) -> str:
    return str(Path(sys.executable).parent / program)
