"""Pings on a schedule."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from baton import Configuration, Server
from baton.transports.memory import memory_broker
from baton_ping.api import PingAPI
from baton_ping.service import PingService
from baton_ping_monitor.clock import Clock
from baton_ping_monitor.collector.pinger import Pinger
from baton_ping_monitor.fleet.state import FleetState

Pings = dict[str, str | None]


class Recorder(FleetState):
    """Hands on each round that it is told of."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds: asyncio.Queue[Pings] = asyncio.Queue()

    def ping_sent(self, pings: Mapping[str, str | None], now: float) -> None:
        super().ping_sent(pings, now)
        self.rounds.put_nowait(dict(pings))

    async def next(self, until: Callable[[Pings], object] = lambda _: True) -> Pings:
        async with asyncio.timeout(5):
            while True:
                pings = await self.rounds.get()
                if until(pings):
                    return pings


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  (another thread makes it true)
            await asyncio.sleep(0)


@pytest.fixture
def settings() -> Configuration:
    return Configuration(rabbit_url=f"memory://{secrets.token_hex(8)}", deadline=0.2)


@pytest.fixture
async def fleet() -> Recorder:
    return Recorder()


@pytest.fixture
async def pinger(settings: Configuration, fleet: Recorder) -> AsyncIterator[Pinger]:
    with PingAPI(settings) as api:
        pinger = Pinger(api, fleet, ["production", "staging"], 0.01, Clock())
        yield pinger
        await pinger.stop()


async def test_targets_are_one_round_and_nobody_listens_until_somebody_does(
    settings: Configuration, fleet: Recorder, pinger: Pinger
) -> None:
    pinger.start()
    assert await fleet.next() == {"production": None, "staging": None}
    assert pinger.trouble.startswith('Cannot ping: No server listens on "production"')
    service = PingService(settings, Server("web01.example.org", "production"))
    await service.start()
    pings = await fleet.next(lambda pings: pings["production"])
    assert pings["staging"] is None
    assert pinger.trouble.startswith('Cannot ping: No server listens on "staging"')
    await service.stop()


async def test_a_broker_that_is_away_is_told_and_nobody_was_pinged(
    settings: Configuration, fleet: Recorder, pinger: Pinger
) -> None:
    broker = memory_broker(settings.endpoints[0].host)
    broker.stop()
    pinger.start()
    await wait_until(lambda: pinger.trouble != "")
    assert pinger.trouble.startswith("Cannot ping: No broker could be reached")
    assert fleet.rounds.empty()
    assert fleet.view(0.0).pings == 0
    broker.start()
    assert await fleet.next() == {"production": None, "staging": None}


async def test_whatever_goes_wrong_it_goes_on(
    fleet: Recorder, pinger: Pinger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(PingAPI, "publish_many", lambda *_, **__: 1 / 0)
        pinger.start()
        await wait_until(lambda: pinger.trouble != "")
        assert pinger.trouble == "Cannot ping: the log says why"
    await fleet.next()


async def test_it_stops(fleet: Recorder, pinger: Pinger) -> None:
    pinger.start()
    await fleet.next()
    await pinger.stop()
    while not fleet.rounds.empty():
        fleet.rounds.get_nowait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await fleet.rounds.get()
