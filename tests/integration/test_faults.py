"""What happens to a connection, and how soon a service answers again."""

from __future__ import annotations

import asyncio
import logging

import pika
import pytest

from baton.configuration import Configuration
from baton.link import Phase
from baton.message import decode_body
from baton.transports import (
    Binding,
    Exchange,
    Queue,
    Topology,
    TransportListener,
    open_transport,
)
from brokers.broker import Broker
from brokers.vhost import Vhost
from integration.recorder import Recorder
from integration.running import WEB01, answers_within, process, reach, reaching, running

QUICK = {"pulse": 0.5, "deadline": 1.0, "reconnect_max": 0.3}
"""Settings with which a test does not wait for what only the pulse can tell."""


async def test_a_deleted_output_exchange(vhost: Vhost) -> None:
    configuration = vhost.configuration(pulse=3)
    async with running(configuration):
        await asyncio.to_thread(vhost.delete_exchange, "baton_ping_out")
        assert await answers_within(configuration, 10) < 10


async def test_a_deleted_queue(vhost: Vhost) -> None:
    configuration = vhost.configuration()
    async with running(configuration):
        (queue,) = [each["name"] for each in vhost.queues()]
        await asyncio.to_thread(vhost.delete_queue, queue)
        assert await answers_within(configuration, 10) < 10


async def test_an_input_exchange_made_anew_by_somebody_else(vhost: Vhost) -> None:
    """Only the pulse can tell."""
    configuration = vhost.configuration(pulse=3)
    async with running(configuration):
        await asyncio.to_thread(vhost.delete_exchange, "baton_ping_in")
        transport = open_transport(
            configuration, configuration.endpoints[0], TransportListener(), "somebody else"
        )
        await transport.open()
        await transport.declare(Topology([Exchange("baton_ping_in")]))
        await transport.close()
        assert await answers_within(configuration, 10) < 10


async def test_closed_connections(vhost: Vhost) -> None:
    configuration = vhost.configuration(**QUICK)
    async with running(configuration) as service:
        async with reaching(service, Phase.DISCONNECTED):
            await asyncio.to_thread(vhost.close_connections)
        await reach(service, Phase.READY)
        assert await answers_within(configuration, 10) < 10


async def test_a_restarted_broker(
    rabbitmq: Broker, vhost: Vhost, caplog: pytest.LogCaptureFixture
) -> None:
    configuration = vhost.configuration(**QUICK)
    async with running(configuration) as service:
        await asyncio.to_thread(rabbitmq.restart)
        await reach(service, Phase.READY)
        assert await answers_within(configuration, 10) < 10
    lines = [r.getMessage() for r in caplog.records if r.name == "baton.link"]
    assert len(lines) <= 12, lines  # one for each reason and link


async def test_a_broker_that_comes_later(rabbitmq: Broker, vhost: Vhost) -> None:
    rabbitmq.stop()
    with process("--url", vhost.url, BATON_FQDN=WEB01.fqdn) as service:
        assert "refused" in service.wait_for("trying again")
        rabbitmq.start()
        service.wait_for("is ready")
        assert await answers_within(vhost.configuration(), 10) < 10


async def test_a_frozen_broker_is_noticed(rabbitmq: Broker, vhost: Vhost) -> None:
    configuration = vhost.configuration(**QUICK)
    async with running(configuration) as service:
        with rabbitmq.paused():
            await reach(service, Phase.DISCONNECTED, timeout=10)
            assert "no answer within 1 s" in service.channel.state.reason
        await reach(service, Phase.READY)
        assert await answers_within(configuration, 10) < 10


async def test_a_memory_alarm_blocks_and_nothing_is_lost(rabbitmq: Broker, vhost: Vhost) -> None:
    configuration = vhost.configuration(**QUICK)
    seen = Recorder()
    transport = open_transport(configuration, configuration.endpoints[0], seen, "spy")
    await transport.open()
    async with running(configuration) as service:
        bindings = [Binding("spy", "baton_ping_out", "")]
        await transport.declare(Topology(queues=[Queue("spy")], bindings=bindings))
        await transport.consume("spy", 10)
        (manager,) = service.channel.managers
        with rabbitmq.memory_alarm():
            # The broker blocks a connection when it publishes, and not before.
            manager.consumer.notify_info("first")
            await reach(service, Phase.BLOCKED, timeout=10)
            assert "alarm" in service.channel.state.reason
            manager.consumer.notify_info("second")
        await reach(service, Phase.READY)
        await seen.until(lambda: len(seen.deliveries) >= 2)
        assert await answers_within(configuration, 10) < 10
    # What was sent again is recognisable by its message id.
    outputs = {d.envelope.message_id: decode_body(d.body) for d in seen.deliveries}
    infos = [body["message"] for body in outputs.values() if body["type"] == "info"]
    assert infos == ["first", "second"]
    await transport.close()


async def test_the_next_host_of_the_pool_takes_over(vhost: Vhost) -> None:
    hosts = vhost.broker.hosts
    url = vhost.url.replace(hosts, f"127.0.0.1:1,{hosts}")
    configuration = Configuration(rabbit_url=url, pulse=0.5, deadline=1.0, reconnect_max=0.3)
    assert len(configuration.endpoints) == 2
    async with running(configuration):
        assert await answers_within(configuration, 10) < 10


class TestFlags:
    @pytest.mark.parametrize(
        ("kind", "durable", "flag"),
        [("direct", False, "durable=false"), ("topic", True, "type=topic")],
    )
    async def test_an_exchange_with_another_flag_is_named_and_retried(
        self, vhost: Vhost, kind: str, durable: bool, flag: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING)
        await asyncio.to_thread(_declare, vhost.url, kind, durable)
        configuration = vhost.configuration(**QUICK)
        async with running(configuration, ready=False) as service:
            await reach(service, Phase.DISCONNECTED)
            reason = service.channel.state.reason
            assert f'The exchange "baton_ping_in" exists with {flag}' in reason
            assert "set INTEROP: true" in reason if not durable else "EXCHANGE" in reason
            await asyncio.to_thread(vhost.delete_exchange, "baton_ping_in")
            await reach(service, Phase.READY)
            assert await answers_within(configuration, 10) < 10


def _declare(url: str, kind: str, durable: bool) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.exchange_declare("baton_ping_in", kind, durable=durable)
    connection.close()
