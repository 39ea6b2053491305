"""The monitor: what reads the pongs."""

from __future__ import annotations

import asyncio
import logging

import pytest

from baton import Configuration, Server, State
from baton.link import Phase
from baton.message import Envelope
from baton.testing import Client, MonitorFactory, Reader, ServiceFactory
from baton.transports import Publication
from baton.transports.memory import MemoryBroker, MemoryPublisher
from baton_ping.api import PingAPI
from baton_ping.monitor import PingMonitor
from baton_ping.service import PingService

LOGGER = "baton.monitor"


@pytest.fixture
def reader(baton_monitor: MonitorFactory, caplog: pytest.LogCaptureFixture) -> Reader[PingMonitor]:
    """A PingMonitor that runs, and what it has read."""
    caplog.set_level(logging.INFO, LOGGER)
    reader = baton_monitor(PingMonitor)
    caplog.clear()
    return reader


def logged(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == LOGGER]


def test_it_logs_every_pong(
    baton_service: ServiceFactory,
    baton_client: Client,
    reader: Reader[PingMonitor],
    caplog: pytest.LogCaptureFixture,
    web01: Server,
) -> None:
    baton_service(PingService, web01)
    baton_service(PingService, Server("web02.example.org", "production"))
    baton_client.api(PingAPI).ping("production")
    pongs = [dict(reader.next()), dict(reader.next())]
    assert {pong["fqdn"] for pong in pongs} == {"web01.example.org", "web02.example.org"}
    records = logged(caplog)
    assert {record.levelno for record in records} == {logging.INFO}
    assert [record.__dict__["baton_output"] for record in records] == pongs
    assert "'type': 'pong'" in records[0].getMessage()


def test_it_logs_every_error_as_one(
    baton_service: ServiceFactory,
    baton_client: Client,
    reader: Reader[PingMonitor],
    caplog: pytest.LogCaptureFixture,
    web01: Server,
) -> None:
    baton_service(PingService, web01)
    baton_client.ask({"type": "pang"}, "production")
    reader.next()
    (record,) = logged(caplog)
    assert record.levelno == logging.ERROR
    assert "Unknown message type: pang" in record.getMessage()


def test_it_logs_what_is_no_message_and_goes_on(
    broker: MemoryBroker, reader: Reader[PingMonitor], caplog: pytest.LogCaptureFixture
) -> None:
    bodies = (b"{not json", b'{"type":"pong"}')
    MemoryPublisher(broker).publish(
        [Publication(0, "baton_ping_out", "", body, Envelope()) for body in bodies], 1.0
    )
    assert reader.next().type == "pong"
    malformed, pong = logged(caplog)
    assert malformed.levelno == logging.WARNING
    assert malformed.getMessage().startswith("No output message: ")
    assert pong.getMessage() == "{'type': 'pong'}"


async def test_its_connection_can_be_watched() -> None:
    monitor = PingMonitor(Configuration(rabbit_url="memory://watched", pulse=0.1))
    states: list[State] = []
    went_round = asyncio.Event()
    monitor.watch(states.append)
    monitor.watch_pulse(went_round.set)
    await monitor.start()
    await went_round.wait()
    assert monitor.name == "the monitor of baton-ping"
    assert monitor.state.phase is Phase.READY
    assert monitor.state == states[-1]
    await monitor.stop()
