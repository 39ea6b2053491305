"""A connection of the doctor's own, on the broker in memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from baton import Configuration
from baton.doctor.session import Session
from baton.errors import BrokerUnavailable, NotFound
from baton.transports import Binding, Exchange, Queue, Topology
from baton.transports.memory import MemoryBroker, memory_broker

TOPOLOGY = Topology([Exchange("in")], [Queue("q")], [Binding("q", "in", "key")])


@pytest.fixture
def broker(memory_url: str) -> MemoryBroker:
    return memory_broker(memory_url.removeprefix("memory://"))


def session(memory_url: str, **settings: Any) -> Session:
    configuration = Configuration(rabbit_url=memory_url, **settings)
    return Session(configuration, configuration.endpoints[0])


async def test_a_message_there_and_back(memory_url: str) -> None:
    async with session(memory_url) as opened:
        await opened.within(opened.transport.declare(TOPOLOGY), "declaring")
        await opened.within(opened.transport.consume("q", 1), "consuming")
        for _ in range(2):  # acknowledged, or the second would not come
            await opened.publish("in", "key")
            assert (await opened.receive()).routing_key == "key"


async def test_it_leaves_nothing_behind(memory_url: str, broker: MemoryBroker) -> None:
    async with session(memory_url) as opened:
        await opened.within(opened.transport.declare(TOPOLOGY), "declaring")
        assert len(broker.queues) == 1
    assert broker.queues == []


async def test_what_the_broker_refuses(memory_url: str) -> None:
    async with session(memory_url) as opened:
        with pytest.raises(NotFound, match="no exchange 'nowhere'"):
            await opened.publish("nowhere", "key")


async def test_an_alarm(memory_url: str, broker: MemoryBroker) -> None:
    broker.block()
    async with session(memory_url) as opened:
        with pytest.raises(BrokerUnavailable, match="resource alarm"):
            await opened.publish("in", "key")
        assert opened.alarm
        broker.unblock()
        await asyncio.sleep(0)
        assert not opened.alarm


async def test_a_broker_that_is_away(memory_url: str, broker: MemoryBroker) -> None:
    broker.stop()
    with pytest.raises(BrokerUnavailable, match="connection refused"):
        async with session(memory_url):
            pytest.fail("it was opened")


async def test_a_loss(memory_url: str, broker: MemoryBroker) -> None:
    async with session(memory_url) as opened:
        broker.stop()
        with pytest.raises(BrokerUnavailable, match="the connection was lost"):
            await opened.within(opened.transport.declare(TOPOLOGY), "declaring")


async def test_no_answer(memory_url: str) -> None:
    async with session(memory_url, deadline=2) as opened:
        with pytest.raises(BrokerUnavailable, match=r"no answer within 2 s while waiting"):
            await opened.receive()


async def test_a_message_that_is_refused(memory_url: str) -> None:
    async with session(memory_url) as opened:
        asyncio.get_running_loop().call_soon(opened.refused, [1])
        with pytest.raises(BrokerUnavailable, match=r"basic\.nack"):
            await opened.receive()
