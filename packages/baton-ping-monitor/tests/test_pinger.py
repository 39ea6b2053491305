"""Pings on a schedule."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable

import pytest

from baton import Configuration, Server
from baton.transports.memory import memory_broker
from baton_ping.service import PingService
from baton_ping_monitor.collector.pinger import Pinger
from baton_ping_monitor.fleet.state import FleetState

Sent = tuple[str | None, str]


class Recorder(FleetState):
    """Hands on each ping that it is told of."""

    def __init__(self) -> None:
        super().__init__()
        self.pings: asyncio.Queue[Sent] = asyncio.Queue()

    def sent(self, message_id: str | None, target: str, now: float) -> None:
        super().sent(message_id, target, now)
        self.pings.put_nowait((message_id, target))

    async def next(self, until: Callable[[Sent], bool] = lambda _: True) -> Sent:
        async with asyncio.timeout(5):
            while True:
                ping = await self.pings.get()
                if until(ping):
                    return ping


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  (another thread makes it true)
            await asyncio.sleep(0)


@pytest.fixture
def settings() -> Configuration:
    return Configuration(rabbit_url=f"memory://{secrets.token_hex(8)}")


@pytest.fixture
async def fleet() -> Recorder:
    return Recorder()


@pytest.fixture
async def pinger(settings: Configuration, fleet: Recorder) -> AsyncIterator[Pinger]:
    pinger = Pinger(settings, fleet, ["production", "staging"], every=0.01)
    yield pinger
    await pinger.stop()


async def test_nobody_listens_until_somebody_does(
    settings: Configuration, fleet: Recorder, pinger: Pinger
) -> None:
    pinger.start()
    assert await fleet.next() == (None, "production")
    assert await fleet.next() == (None, "staging")
    assert await fleet.next() == (None, "production")
    assert pinger.trouble.startswith('Cannot ping: No server listens on "production"')
    service = PingService(settings, Server("web01.example.org", "production"))
    await service.start()
    message_id, target = await fleet.next(lambda ping: ping[0] is not None)
    assert target == "production"
    assert message_id
    await service.stop()


async def test_a_broker_that_is_away_is_told(
    settings: Configuration, fleet: Recorder, pinger: Pinger
) -> None:
    broker = memory_broker(settings.endpoints[0].host)
    broker.stop()
    pinger.start()
    await wait_until(lambda: pinger.trouble != "")
    assert pinger.trouble.startswith("Cannot ping: No broker could be reached")
    assert fleet.pings.empty()  # whoever was not pinged cannot be missing
    broker.start()
    assert await fleet.next() == (None, "production")


async def test_it_stops(fleet: Recorder, pinger: Pinger) -> None:
    pinger.start()
    await fleet.next()
    await pinger.stop()
    while not fleet.pings.empty():
        fleet.pings.get_nowait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await fleet.pings.get()
