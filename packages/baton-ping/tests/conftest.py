"""Fixtures that several modules of tests share."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from baton import Configuration, Message, Server, State
from baton.link import Phase
from baton_ping.monitor import PingMonitor
from baton_ping.service import PingService


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of whoever runs it."""
    for name in list(os.environ):
        if name.startswith("BATON_") and not name.startswith("BATON_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture
def memory_url() -> str:
    """The URL of a fresh broker in this process."""
    return f"memory://{secrets.token_hex(8)}"


@pytest.fixture
def configuration(memory_url: str) -> Configuration:
    return Configuration(rabbit_url=memory_url)


@pytest.fixture
def web01() -> Server:
    return Server("web01.example.org", "production", ("shop",))


class Readiness:
    """Waits until something is connected and consumes."""

    def __init__(self) -> None:
        self._ready = asyncio.Event()

    def hear(self, state: State) -> None:
        if state.phase is Phase.READY:
            self._ready.set()

    async def wait(self) -> None:
        await asyncio.wait_for(self._ready.wait(), 5)


@pytest.fixture
async def start(memory_url: str) -> AsyncIterator[Callable[..., Awaitable[PingService]]]:
    """Starts the ping service of a server, and returns when it is ready."""
    services: list[PingService] = []

    async def start(
        server: Server | None = None, kind: type[PingService] = PingService, **settings: Any
    ) -> PingService:
        service = kind(Configuration(rabbit_url=memory_url, **settings), server)
        services.append(service)
        ready = Readiness()
        await service.start()
        service.watch(ready.hear)
        await ready.wait()
        return service

    yield start
    for service in services:
        await service.stop()


class KeepingMonitor(PingMonitor):
    """Keeps what it reads."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self._read: asyncio.Queue[Message] = asyncio.Queue()

    def process_message(self, message: Message) -> None:
        self._read.put_nowait(message)

    async def next(self) -> Message:
        return await asyncio.wait_for(self._read.get(), 5)


@pytest.fixture
async def monitor(configuration: Configuration) -> AsyncIterator[KeepingMonitor]:
    """Reads the output of every server: ``await monitor.next()``."""
    monitor = KeepingMonitor(configuration)
    ready = Readiness()
    await monitor.start(ready.hear)
    await ready.wait()
    yield monitor
    await monitor.stop()
