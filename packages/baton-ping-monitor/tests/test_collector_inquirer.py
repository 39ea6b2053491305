"""Asking servers for their facts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from baton import Configuration, Server
from baton.link import Phase
from baton_ping.api import PingAPI
from baton_ping.service import PingService
from baton_ping_monitor.clock import Clock
from baton_ping_monitor.collector.inquirer import Inquirer
from baton_ping_monitor.collector.monitor import CollectingMonitor
from baton_ping_monitor.fleet.state import FleetState
from baton_ping_monitor.observation import Observation


async def test_a_server_is_asked_at_first_sight(memory_url: str) -> None:
    settings = Configuration(rabbit_url=memory_url)
    server = Server("web01.example.org", "production", facts={"cpus": 4})
    service = PingService(settings, server)
    fleet, clock = FleetState(), Clock()
    ready, told = asyncio.Event(), asyncio.Event()

    async def observe(observations: Sequence[Observation]) -> None:
        for each in observations:
            fleet.observe(each)
            if each.facts is not None:
                told.set()

    def note(_: object) -> None:
        if service.state.phase is monitor.state.phase is Phase.READY:
            ready.set()

    monitor = CollectingMonitor(settings, "baton-ping", None, observe, clock)
    service.watch(note)
    monitor.watch(note)
    await service.start()
    await monitor.start()
    await asyncio.wait_for(ready.wait(), 5)
    with PingAPI(settings) as api:
        inquiring = asyncio.ensure_future(
            Inquirer(api, fleet, 3600.0, clock, pause=0.01, at_once=5).run()
        )
        await asyncio.to_thread(api.ping, "production")
        await asyncio.wait_for(told.wait(), 5)
        inquiring.cancel()
    (kept,) = [each for each in fleet.take_changes().servers if each.facts is not None]
    assert (kept.fqdn, kept.facts) == ("web01.example.org", {"cpus": 4})
    await monitor.stop()
    await service.stop()


async def test_a_broker_that_is_away_ends_nothing(memory_url: str) -> None:
    fleet, clock = FleetState(), Clock()
    pong = Observation(clock(), "baton-ping", "pong", "web01", "production", correlation_id="p")
    fleet.observe(pong)
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Silent(PingAPI):
        def publish_many(self, *_: object, **__: object) -> list[str]:
            loop.call_soon_threadsafe(asked.set)
            return super().publish_many([({"type": "facts"}, "web01")])

    with Silent(Configuration(rabbit_url=memory_url)) as api:
        inquiring = asyncio.ensure_future(Inquirer(api, fleet, 10.0, clock, pause=0.01).run())
        await asyncio.wait_for(asked.wait(), 5)
        done, _ = await asyncio.wait([inquiring], timeout=0.05)
        assert not done
        inquiring.cancel()
