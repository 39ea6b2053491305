"""A service on uvloop: the contract of transports there, and a process from start to end."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest
import uvloop

from integration.running import command, process
from integration.test_transport_contract import *  # noqa: F403  (each test of it, on uvloop)

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from brokers.vhost import Vhost


@pytest.fixture  # type: ignore[no-redef]
def configuration(vhost: Vhost) -> Configuration:
    """RabbitMQ alone: a broker in this process has no connection."""
    return vhost.configuration()


async def test_it_is_uvloop() -> None:
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_from_its_start_to_its_end(vhost: Vhost, number: signal.Signals) -> None:
    web01 = {"BATON_FQDN": "web01.example.org", "BATON_EVENT_LOOP": "uvloop"}
    with process("--url", vhost.url, **web01) as service:
        service.wait_for("Running on uvloop")
        service.wait_for("is ready since")
        asked = command("ping", "web01.example.org", "--url", vhost.url)
        assert asked.code == 0, asked
        vhost.close_connections()
        service.wait_for("is ready since")
        asked = command("ping", "web01.example.org", "--url", vhost.url)
        assert asked.code == 0, asked
        service.signal(number)
        service.wait_for(f"Stopping on {number.name}")
        service.wait_for("everything was finished")
        assert service.wait() == 0
