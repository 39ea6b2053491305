"""The monitor: what reads the pongs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from baton import Configuration, Server, State
from baton.link import Phase
from baton.message import Envelope
from baton.transports import Publication
from baton.transports.memory import MemoryPublisher, memory_broker
from baton_ping.api import PingAPI
from baton_ping.monitor import PingMonitor
from baton_ping.service import PingService

Start = Callable[..., Awaitable[PingService]]
LOGGER = "baton.monitor"


class Records(logging.Handler):
    """The monitor's log records, as they come."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._records: asyncio.Queue[logging.LogRecord] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self._records.put_nowait(record)

    async def next(self) -> logging.LogRecord:
        return await asyncio.wait_for(self._records.get(), 5)


@pytest.fixture
async def records(
    configuration: Configuration, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Records]:
    """What a running PingMonitor logs."""
    caplog.set_level(logging.INFO, LOGGER)
    records = Records()
    monitor = PingMonitor(configuration)
    ready = asyncio.Event()

    def on_state(state: State) -> None:
        if state.phase is Phase.READY:
            ready.set()

    await monitor.start(on_state)
    await asyncio.wait_for(ready.wait(), 5)
    logging.getLogger(LOGGER).addHandler(records)
    yield records
    logging.getLogger(LOGGER).removeHandler(records)
    await monitor.stop()


async def test_it_logs_every_pong(
    configuration: Configuration, start: Start, records: Records, web01: Server
) -> None:
    await start(web01)
    await start(Server("web02.example.org", "production"))
    PingAPI(configuration).ping("production")
    logged = [await records.next(), await records.next()]
    assert {record.levelno for record in logged} == {logging.INFO}
    pongs = [record.__dict__["baton_output"] for record in logged]
    assert {pong["fqdn"] for pong in pongs} == {"web01.example.org", "web02.example.org"}
    assert {pong["type"] for pong in pongs} == {"pong"}
    assert "'type': 'pong'" in logged[0].getMessage()


async def test_it_logs_every_error_as_one(
    configuration: Configuration, start: Start, records: Records, web01: Server
) -> None:
    await start(web01)
    PingAPI(configuration).publish({"type": "pang"}, "production")
    record = await records.next()
    assert record.levelno == logging.ERROR
    assert "Unknown message type: pang" in record.getMessage()


async def test_it_logs_what_is_no_message_and_goes_on(memory_url: str, records: Records) -> None:
    publisher = MemoryPublisher(memory_broker(memory_url.removeprefix("memory://")))
    bodies = (b"{not json", b'{"type":"pong"}')
    publisher.publish(
        [Publication(0, "baton_ping_out", "", body, Envelope()) for body in bodies], 1.0
    )
    malformed = await records.next()
    assert malformed.levelno == logging.WARNING
    assert malformed.getMessage().startswith("No output message: ")
    assert (await records.next()).getMessage() == "{'type': 'pong'}"
