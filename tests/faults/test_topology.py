"""What holds messages is deleted, or taken away, with a thousand commands in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import pytest

from baton.channel import Channel
from baton.transports import (
    Binding,
    Exchange,
    Queue,
    Topology,
    TransportListener,
    open_transport,
)
from brokers import Vhost
from faults.deafness import TOLD
from faults.scenario import MakeScenario, Scenario
from faults.work import ENVIRONMENT

AGAIN: Final = 10.0
"""Seconds within which every server answers again."""
PULSE: Final = 25.0
"""… where only the pulse can tell, with default settings."""
IN, OUT = "baton_faults_in", "baton_faults_out"


async def judge(run: Scenario, within: float = AGAIN) -> None:
    await run.answers_again(within)
    verdict = await run.verdict()
    assert verdict.violations == []


async def test_queues_of_servers_deleted(vhost: Vhost, scenario: MakeScenario) -> None:
    """Each of their consumers is cancelled."""
    async with scenario("the servers' queues deleted", deletes=True, notice=TOLD) as run:
        await run.in_flight()
        with run.fault():
            deleted = await asyncio.to_thread(vhost.delete_queues, "baton-faults.web")
        assert deleted == run.load.servers
        await judge(run)


async def test_queue_of_the_monitor_deleted(vhost: Vhost, scenario: MakeScenario) -> None:
    async with scenario("the monitor's queue deleted", deletes=True, notice=TOLD) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(vhost.delete_queue, "baton-faults-monitor.faults")
        await judge(run)


@pytest.mark.parametrize(("exchange", "name"), [(IN, "input"), (OUT, "output")])
async def test_exchange_deleted(
    vhost: Vhost, scenario: MakeScenario, exchange: str, name: str
) -> None:
    """A publish finds out that the output exchange is gone: the channel is closed (404)."""
    async with scenario(f"the {name} exchange deleted", deletes=True, notice=TOLD) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(vhost.delete_exchange, exchange)
        await judge(run)


@pytest.mark.parametrize(("exchange", "name"), [(IN, "input"), (OUT, "output")])
@pytest.mark.parametrize(
    ("settings", "suffix", "within"),
    [
        ({}, "", AGAIN),
        pytest.param({"settings": {}}, ", default settings", PULSE, marks=pytest.mark.timeout(240)),
    ],
    ids=["quick", "default"],
)
async def test_exchange_made_anew_by_somebody_else(
    vhost: Vhost,
    scenario: MakeScenario,
    exchange: str,
    name: str,
    settings: dict[str, Any],
    suffix: str,
    within: float,
) -> None:
    """Nothing tells, and only the pulse can."""
    title = f"the {name} exchange made anew by somebody else{suffix}"
    async with scenario(title, deletes=True, **settings) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(vhost.delete_exchange, exchange)
            await make(run, exchange)
        await judge(run, within)


async def test_virtual_host_deleted(vhost: Vhost, scenario: MakeScenario) -> None:
    async with scenario("the virtual host deleted and made anew", deletes=True, notice=TOLD) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(vhost.api.delete_vhost, vhost.name)
            await asyncio.to_thread(vhost.api.create_vhost, vhost.name, vhost.broker.user)
        await judge(run)


async def test_acknowledged_twice(scenario: MakeScenario) -> None:
    """The broker closes the channel (406): what it had delivered comes again, and is not run."""
    async with scenario("a channel closed (406)", notice=TOLD) as run:
        await run.in_flight()
        with run.fault():
            services = run.services.values()
            closed = [asyncio.create_task(acknowledge_early(s.channel)) for s in services]
            await asyncio.gather(*closed)
        await judge(run)


async def test_a_queue_that_refuses(vhost: Vhost, scenario: MakeScenario) -> None:
    """Beside those of the servers, as what RabbitMQ may keep of a dead node: each publish is
    refused, and each server has it nevertheless."""
    full = {"x-queue-type": "classic", "x-max-length": 0, "x-overflow": "reject-publish"}
    queue = Queue("full", durable=True, exclusive=False, arguments=full)
    async with scenario("a queue that refuses beside theirs", notice=TOLD) as run:
        keys = (*run.load.names, ENVIRONMENT)
        await run.in_flight()
        with run.fault():
            await declare(run, Topology((), [queue], [Binding(queue.name, IN, k) for k in keys]))
            await run.answers_again(PULSE)
            await run.in_flight(2 / 3)
            await asyncio.to_thread(vhost.delete_queue, queue.name)
        await judge(run, PULSE)
        verdict = run.judge()
    assert verdict.unknown > 0
    assert verdict.done + verdict.failed == run.load.commands


async def make(run: Scenario, exchange: str) -> None:
    """Declare *exchange*, as somebody else might."""
    await declare(run, Topology([Exchange(exchange)]))


async def declare(run: Scenario, topology: Topology) -> None:
    """Declare it, as somebody else might."""
    endpoint = run.own.endpoints[0]
    transport = open_transport(run.own, endpoint, TransportListener(), "somebody else")
    await transport.open()
    try:
        await transport.declare(topology)
    finally:
        await transport.close()


async def acknowledge_early(channel: Channel) -> None:
    """Acknowledge what comes next, which the service will do once more; wait for what comes of
    it."""
    link = channel._inbound
    lost = told(link, "channel_lost")
    async with asyncio.timeout(AGAIN):
        (deliveries,) = await told(link, "delivered")
        link.acknowledge(deliveries[0])
        await lost


def told(link: Any, hook: str) -> asyncio.Future[tuple[Any, ...]]:
    """What *link* is told next by its transport."""
    future: asyncio.Future[tuple[Any, ...]] = asyncio.get_running_loop().create_future()
    before: Callable[..., None] = getattr(link, hook)

    def tell(*args: Any) -> None:
        before(*args)
        if not future.done():
            future.set_result(args)

    setattr(link, hook, tell)
    return future
