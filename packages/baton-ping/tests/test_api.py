"""The API: what pings, and asks for facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from baton import Server, Unroutable
from baton.testing import Client, MonitorFactory, ServiceFactory
from baton_ping.api import PingAPI
from baton_ping.service import PingService


@pytest.fixture
def api(baton_client: Client) -> PingAPI:
    return baton_client.api(PingAPI)


@pytest.mark.parametrize("target", ["production", "web01.example.org", "shop.production", "*"])
def test_a_ping_is_answered(
    api: PingAPI,
    baton_service: ServiceFactory,
    baton_monitor: MonitorFactory,
    web01: Server,
    target: str,
) -> None:
    baton_service(PingService, web01)
    monitor = baton_monitor()
    message_id = api.ping(target)
    pong = monitor.next()
    assert pong.correlation_id == message_id
    assert dict(pong) == {"type": "pong", **web01.attributes}


def test_facts_are_told(
    api: PingAPI, baton_service: ServiceFactory, baton_monitor: MonitorFactory, web01: Server
) -> None:
    server = replace(web01, facts={"cpus": 8, "disks": {"sda": {"size": 100}}})
    baton_service(PingService, server)
    monitor = baton_monitor()
    message_id = api.facts("web01.example.org")
    told = monitor.next()
    assert told.correlation_id == message_id
    assert dict(told) == {"type": "facts", **server.attributes, "facts": server.facts}


def test_nobody_is_there(api: PingAPI, baton_service: ServiceFactory, web01: Server) -> None:
    baton_service(PingService, web01)
    with pytest.raises(Unroutable) as caught:
        api.ping("staging")
    assert str(caught.value) == 'No server listens on "staging" (exchange baton_ping_in)'


def test_no_service_has_connected_yet(api: PingAPI) -> None:
    with pytest.raises(Unroutable) as caught:
        api.ping("production")
    assert caught.value.missing
