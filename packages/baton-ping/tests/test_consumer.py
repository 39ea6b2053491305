"""The consumer: what answers a ping, and tells the facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from baton import Message, Server, UnknownMessageType
from baton.message import encode_body
from baton_ping.consumer import PingConsumer


class Audit:
    def __init__(self) -> None:
        self.heard: list[Mapping[str, Any]] = []

    def update(self, message: Mapping[str, Any]) -> None:
        self.heard.append(message)


@pytest.fixture
def audit() -> Audit:
    return Audit()


@pytest.fixture
def consumer(web01: Server, audit: Audit) -> PingConsumer:
    consumer = PingConsumer("web01.example.org", web01)
    consumer.add_observer(audit)
    return consumer


def test_the_routing_key_is_the_originals(consumer: PingConsumer) -> None:
    assert consumer.routing_key == "production"


def test_the_routing_keys(consumer: PingConsumer) -> None:
    assert consumer.routing_keys == ("production", "web01.example.org", "*", "shop.production")


def test_it_does_not_block(consumer: PingConsumer) -> None:
    assert not consumer.blocking


async def test_a_pong_is_the_originals(consumer: PingConsumer, audit: Audit) -> None:
    await consumer.process_message(Message({"type": "ping", "extra": 1}))
    (pong,) = audit.heard
    assert encode_body(pong) == (
        b'{"type":"pong","environment":"production","fqdn":"web01.example.org",'
        b'"app_names":["shop"]}'
    )


async def test_facts_are_told_with_who_it_is(audit: Audit) -> None:
    server = Server("web01.example.org", "production", ("shop",), {"cpus": 8})
    consumer = PingConsumer("web01.example.org", server)
    consumer.add_observer(audit)
    await consumer.process_message(Message({"type": "facts"}))
    (facts,) = audit.heard
    assert encode_body(facts) == (
        b'{"type":"facts","environment":"production","fqdn":"web01.example.org",'
        b'"app_names":["shop"],"facts":{"cpus":8}}'
    )


@pytest.mark.parametrize("kind", ["pong", "Ping", "", "restart"])
async def test_an_unknown_type(consumer: PingConsumer, audit: Audit, kind: str) -> None:
    with pytest.raises(UnknownMessageType) as caught:
        await consumer.process_message(Message({"type": kind}))
    assert caught.value.type == kind
    assert audit.heard == []


def test_an_error_is_the_originals(consumer: PingConsumer, audit: Audit) -> None:
    consumer.notify_error(UnknownMessageType, "Unknown message type: pong")
    (error,) = audit.heard
    assert encode_body(error) == (
        b'{"type":"error","environment":"production","fqdn":"web01.example.org",'
        b'"app_names":["shop"],"error_class":"UnknownMessageType",'
        b'"error_message":"Unknown message type: pong"}'
    )
