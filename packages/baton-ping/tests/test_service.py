"""The service: what runs on a server."""

from __future__ import annotations

import pytest

from baton import Server
from baton.message import Envelope
from baton.testing import MonitorFactory, ServiceFactory
from baton.transports import Publication
from baton.transports.memory import MemoryBroker, MemoryPublisher
from baton_ping.service import PingService

RULE = "A command is a JSON object with a type"


def publish_as_the_original_does(broker: MemoryBroker, key: str, body: bytes) -> bool:
    """The body alone, as a Ruby Baton publishes it. Says whether a queue took it."""
    envelope = Envelope(content_type="application/octet-stream")
    publication = Publication(1, "baton_ping_in", key, body, envelope, mandatory=True)
    return MemoryPublisher(broker).publish([publication], 1.0) == [None]


def test_it_listens_on_every_key_of_its_server(
    baton_service: ServiceFactory, broker: MemoryBroker, web01: Server
) -> None:
    baton_service(PingService, web01)
    keys = {key for exchange, key, _ in broker.bindings if exchange == "baton_ping_in"}
    assert keys == {"production", "web01.example.org", "*", "shop.production"}
    assert {exchange.name for exchange in broker.exchanges} == {"baton_ping_in", "baton_ping_out"}


def test_its_consumer_is_named_after_the_server(
    baton_service: ServiceFactory, web01: Server
) -> None:
    service = baton_service(PingService, web01)
    (manager,) = service.channel.managers
    assert manager.consumer.consumer_name == "web01.example.org"
    assert manager.queue == "baton-ping.web01.example.org"


def test_without_a_server_it_finds_out_where_it_runs(
    baton_service: ServiceFactory, broker: MemoryBroker
) -> None:
    service = baton_service(PingService, fqdn="db01.example.org", environment="QA", app_names="db")
    assert service.server.attributes == {
        "environment": "qa",
        "fqdn": "db01.example.org",
        "app_names": ["db"],
    }
    assert publish_as_the_original_does(broker, "db.qa", b'{"type":"ping"}')


def test_it_answers_a_ping_of_the_originals(
    baton_service: ServiceFactory,
    broker: MemoryBroker,
    baton_monitor: MonitorFactory,
    web01: Server,
) -> None:
    baton_service(PingService, web01)
    monitor = baton_monitor("baton-ping")
    assert publish_as_the_original_does(broker, "production", b'{"type":"ping"}')
    pong = monitor.next()
    assert pong.raw == (
        b'{"type":"pong","environment":"production","fqdn":"web01.example.org",'
        b'"app_names":["shop"]}'
    )
    assert pong.routing_key == ""
    assert pong.correlation_id is None


@pytest.mark.parametrize(
    ("body", "error_class", "error_message"),
    [
        (b'{"type":"pong"}', "UnknownMessageType", "Unknown message type: pong"),
        (
            b"not json",
            "InvalidMessage",
            RULE + '; Expecting value: line 1 column 1 (char 0); came: "not json"',
        ),
        (b"", "InvalidMessage", RULE + "; it was empty"),
        (
            b'{"type":"\xff"}',
            "InvalidMessage",
            "A command is a JSON object in UTF-8; byte 9 is not UTF-8",
        ),
    ],
)
def test_what_is_wrong_is_answered_with_an_error_and_the_next_is_served(
    baton_service: ServiceFactory,
    broker: MemoryBroker,
    baton_monitor: MonitorFactory,
    web01: Server,
    body: bytes,
    error_class: str,
    error_message: str,
) -> None:
    baton_service(PingService, web01)
    monitor = baton_monitor("baton-ping")
    publish_as_the_original_does(broker, "production", body)
    publish_as_the_original_does(broker, "production", b'{"type":"ping"}')
    error = monitor.next()
    assert list(error.items()) == [
        ("type", "error"),
        ("environment", "production"),
        ("fqdn", "web01.example.org"),
        ("app_names", ["shop"]),
        ("error_class", error_class),
        ("error_message", error_message),
    ]
    assert monitor.next().type == "pong"


def test_every_server_answers(
    baton_service: ServiceFactory,
    broker: MemoryBroker,
    baton_monitor: MonitorFactory,
    web01: Server,
) -> None:
    baton_service(PingService, web01)
    baton_service(PingService, Server("web02.example.org", "production"))
    monitor = baton_monitor("baton-ping")
    assert publish_as_the_original_does(broker, "*", b'{"type":"ping"}')
    pongs = [monitor.next(), monitor.next()]
    assert {pong["fqdn"] for pong in pongs} == {"web01.example.org", "web02.example.org"}


def test_nobody_listens_after_it_was_stopped(
    baton_service: ServiceFactory, broker: MemoryBroker, web01: Server
) -> None:
    service = baton_service(PingService, web01)
    assert publish_as_the_original_does(broker, "production", b'{"type":"ping"}')
    assert not baton_service.stop(service)
    assert not publish_as_the_original_does(broker, "production", b'{"type":"ping"}')
    assert broker.queues == []
