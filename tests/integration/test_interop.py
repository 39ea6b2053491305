"""A Ruby Baton on the same broker, played byte for byte as it was observed (docs/wire.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from baton import Configuration, Message
from baton.link import Phase
from baton_ping.api import PingAPI
from baton_ping.monitor import PingMonitor
from brokers.vhost import Vhost
from integration.running import ask, reach, running

PROPERTIES = pika.BasicProperties(
    content_type="application/octet-stream", delivery_mode=1, priority=0
)
PONG = b'{"type":"pong","environment":"production","fqdn":"ruby.example.org","app_names":["shop"]}'
ERROR = (
    b'{"type":"error","environment":"production","fqdn":"ruby.example.org","app_names":["shop"],'
    b'"error_class":"Exception","error_message":"Unknown message type for ruby.example.org: x"}'
)


class Ruby:
    """What the original does, on one connection: service, monitor and API in one."""

    def __init__(self, url: str) -> None:
        self.connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel: BlockingChannel = self.connection.channel()
        for name in ("baton_ping_in", "baton_ping_out"):
            self.channel.exchange_declare(name, "direct", durable=False, auto_delete=False)

    def listen(self, exchange: str, key: str) -> str:
        """Bind a queue of its own as the original's service does, and consume without acks."""
        queue: str = self.channel.queue_declare(
            "", durable=False, exclusive=True, auto_delete=True
        ).method.queue
        self.channel.queue_bind(queue, exchange, key)
        return queue

    def next(self, queue: str) -> tuple[pika.BasicProperties, bytes]:
        """The next message of *queue*; fails after 10 seconds."""
        for _, properties, body in self.channel.consume(
            queue, auto_ack=True, inactivity_timeout=10
        ):
            self.channel.cancel()
            assert body is not None, "nothing came"
            return properties, body
        raise AssertionError("the consumer was cancelled")

    def say(self, exchange: str, key: str, body: bytes) -> None:
        """Publish as the original does: no headers, no id, no confirm."""
        self.channel.basic_publish(exchange, key, body, PROPERTIES)


@pytest.fixture
def ruby(vhost: Vhost) -> Iterator[Ruby]:
    ruby = Ruby(vhost.url)
    yield ruby
    ruby.connection.close()


@pytest.fixture
def interop(vhost: Vhost) -> Configuration:
    return vhost.configuration(interop=True)


async def test_a_ruby_ping_is_answered_with_the_same_bytes(
    ruby: Ruby, interop: Configuration
) -> None:
    queue = ruby.listen("baton_ping_out", "")
    async with running(interop):
        ruby.say("baton_ping_in", "production", b'{"type":"ping"}')
        properties, body = await asyncio.to_thread(ruby.next, queue)
    assert body == (
        b'{"type":"pong","environment":"production","fqdn":"web01.example.org",'
        b'"app_names":["shop"]}'
    )
    assert properties.correlation_id is None


async def test_a_ruby_monitor_reads_our_errors(ruby: Ruby, interop: Configuration) -> None:
    queue = ruby.listen("baton_ping_out", "")
    async with running(interop):
        ruby.say("baton_ping_in", "production", b'{"type":"x"}')
        _, body = await asyncio.to_thread(ruby.next, queue)
    assert body == (
        b'{"type":"error","environment":"production","fqdn":"web01.example.org",'
        b'"app_names":["shop"],"error_class":"UnknownMessageType",'
        b'"error_message":"Unknown message type: x"}'
    )


async def test_our_ping_is_what_a_ruby_service_reads(ruby: Ruby, interop: Configuration) -> None:
    queue = ruby.listen("baton_ping_in", "production")
    with PingAPI(interop) as api:
        await asyncio.to_thread(api.ping, "production")
    _, body = await asyncio.to_thread(ruby.next, queue)
    assert body == b'{"type":"ping"}'


async def test_baton_ping_lists_ruby_servers(ruby: Ruby, interop: Configuration) -> None:
    queue = ruby.listen("baton_ping_in", "production")

    def serve() -> None:
        assert ruby.next(queue)[1] == b'{"type":"ping"}'
        ruby.say("baton_ping_out", "", PONG)

    async with running(interop):
        served = asyncio.create_task(asyncio.to_thread(serve))
        replies = await ask(interop, {"type": "ping"}, "production", timeout=2)
        await served
    assert {(reply.fqdn, reply.original) for reply in replies} == {
        ("web01.example.org", False),
        ("ruby.example.org", True),
    }


async def test_our_monitor_takes_what_a_ruby_service_says(
    ruby: Ruby, interop: Configuration
) -> None:
    seen: list[Message] = []
    done, ready = asyncio.Event(), asyncio.Event()

    class Seeing(PingMonitor):
        def process_message(self, message: Message) -> None:
            seen.append(message)
            if len(seen) == 2:
                done.set()

    monitor = Seeing(interop)
    await monitor.start(lambda state: ready.set() if state.phase is Phase.READY else None)
    await asyncio.wait_for(ready.wait(), 10)
    ruby.say("baton_ping_out", "", PONG)
    ruby.say("baton_ping_out", "", ERROR)
    await asyncio.wait_for(done.wait(), 10)
    await monitor.stop()
    assert [message.raw for message in seen] == [PONG, ERROR]
    assert seen[0].correlation_id is None
    assert seen[0].message_id is None


async def test_without_interop_a_ruby_exchange_is_a_mismatch_that_is_named(
    ruby: Ruby, vhost: Vhost
) -> None:
    async with running(vhost.configuration(), ready=False) as service:
        await reach(service, Phase.DISCONNECTED)
        reason = service.channel.state.reason
    assert "baton_ping_in" in reason or "baton_ping_out" in reason
    assert "durable=false, Baton needs durable=true: set INTEROP: true" in reason


async def test_interop_declares_as_the_original_does(vhost: Vhost, interop: Configuration) -> None:
    async with running(interop):
        exchanges = {each["name"]: each for each in vhost.exchanges()}
    assert set(exchanges) == {"baton_ping_in", "baton_ping_out"}
    for exchange in exchanges.values():
        assert exchange["type"] == "direct"
        assert not exchange["durable"]
        assert not exchange["auto_delete"]
