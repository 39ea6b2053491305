"""Whatever is published to a service: one error output, and the next ping is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pika
import pytest

from baton import State
from baton.fleet import Collector
from baton.message import Envelope, decode_body
from baton.transports import Binding, Exchange, Publication, Queue, Topology, open_transport
from baton_ping.extension import extension
from brokers.vhost import Vhost
from integration.recorder import Recorder
from integration.running import WEB01, answers_within, running

WRONG = {
    "not JSON": b"{not json",
    "trailing text": b'{"type": "ping"} and more',
    "null": b"null",
    "a number": b"12",
    "an array": b"[]",
    "a string": b'"ping"',
    "no type": b'{"command": "ping"}',
    "a type that is no string": b'{"type": 1}',
    "an unknown type": b'{"type": "explode"}',
    "invalid UTF-8": b'{"type": "\xff"}',
    "UTF-16": '{"type": "ping"}'.encode("utf-16"),
    "encoded surrogates": b'{"type": "\xed\xa0\x80"}',
    "escaped half of a surrogate pair": b'{"type": "\\ud800"}',
    "empty": b"",
    "1 MiB": b'{"type": "' + b"x" * 1024 * 1024 + b'"}',
    "NaN": b'{"type": "ping", "value": NaN}',
    "100,000 nested brackets": b"[" * 100_000,
    "a number of 5,000 digits": b'{"type": "ping", "n": ' + b"9" * 5000 + b"}",
    "an instruction to make an object": b'{"json_class": "Object", "type": 0}',
}


@pytest.fixture
async def outputs(vhost: Vhost) -> AsyncIterator[Recorder]:
    """What is said on the output exchange, with the transport to publish as :attr:`transport`."""
    configuration = vhost.configuration()
    recorder = Recorder()
    transport = open_transport(configuration, configuration.endpoints[0], recorder, "spy")
    await transport.open()
    await transport.declare(
        Topology(
            [Exchange(extension.exchange), Exchange(extension.exchange_out)],
            [Queue("spy")],
            [Binding("spy", extension.exchange_out, "")],
        )
    )
    await transport.consume("spy", 100)
    recorder.transport = transport  # type: ignore[attr-defined]
    yield recorder
    await transport.close()


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
async def test_one_error_and_the_next_is_served(
    vhost: Vhost, outputs: Recorder, body: bytes
) -> None:
    async with running(vhost.configuration()):
        outputs.transport.publish(  # type: ignore[attr-defined]
            [
                Publication(1, extension.exchange, "production", body, Envelope()),
                Publication(2, extension.exchange, "production", b'{"type":"ping"}', Envelope()),
            ]
        )
        await outputs.until(lambda: len(outputs.deliveries) == 2)
    error, pong = (decode_body(delivery.body) for delivery in outputs.deliveries)
    assert (error["type"], error["fqdn"]) == ("error", WEB01.fqdn)
    assert error["error_class"] in {"InvalidMessage", "UnknownMessageType"}
    assert len(error["error_message"]) < 600
    assert pong["type"] == "pong"


@pytest.mark.parametrize(
    "properties",
    [
        {"timestamp": 1_700_000_000_000_000},
        {"timestamp": 2**63 - 1},
        {"priority": 255, "content_type": "x" * 200, "content_encoding": "none"},
        {"headers": {"baton-seq": "x", "BCC": ["a"], "t": {"x": [1, {"y": None}]}}},
        {"reply_to": "x" * 255},
        {"reply_to": "*", "correlation_id": "é"},
    ],
    ids=" ".join,
)
async def test_odd_properties_do_not_cost_the_connection(
    vhost: Vhost, outputs: Recorder, properties: dict[str, Any]
) -> None:
    def publish() -> None:
        connection = pika.BlockingConnection(pika.URLParameters(vhost.url))
        connection.channel().basic_publish(
            extension.exchange, "production", b'{"type":"ping"}', pika.BasicProperties(**properties)
        )
        connection.close()

    async with running(vhost.configuration()) as service:
        states: list[State] = []
        service.watch(states.append)
        await asyncio.to_thread(publish)
        await outputs.until(lambda: outputs.deliveries)
        assert decode_body(outputs.deliveries[0].body)["type"] == "pong"
        assert states == []


async def test_a_correct_command_with_odd_extras_is_answered(vhost: Vhost) -> None:
    configuration = vhost.configuration()
    async with running(configuration), Collector(configuration, extension) as collector:
        await collector.send({"type": "ping", "json_class": "Object", "é": [None]}, [WEB01.fqdn])
        replies = [reply async for reply in collector.replies(5)]
        assert [reply.message.type for reply in replies] == ["pong"]
        await asyncio.wait_for(answers_within(configuration, 5), 6)
