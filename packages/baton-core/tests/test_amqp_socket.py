"""The way in that aiormq offers, and what is said where it offers none."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import aio_pika
import pytest
from aiormq import Connection
from aiormq.exceptions import AMQPConnectionError
from pamqp.commands import Basic
from yarl import URL

from amqp.stream import CHANNEL, Reader, delivery, frames
from baton.transports.amqp import socket as module
from baton.transports.amqp.frames import BEAT
from baton.transports.amqp.socket import Socket, missing_hook
from baton.transports.amqp.tap import Damaged, Tap

CONSUMED = frames(Basic.ConsumeOk("tag"))


class Far:
    """The other end of a connection that a :class:`Socket` has opened."""

    def __init__(self) -> None:
        self.tap = Tap(lambda _: None, lambda: None)
        self.accepted = asyncio.get_running_loop().create_future()

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Socket]:
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        opened = Socket(self.tap, None, None)
        reader, writer = await opened.create(URL(f"amqp://127.0.0.1:{port}"), timeout=None)
        self.reader, self.writer = await self.accepted
        return reader, writer, opened

    def _accept(self, *both: Any) -> None:
        self.accepted.set_result(both)

    async def close(self) -> None:
        self.writer.close()
        self.server.close()
        await self.writer.wait_closed()


async def test_what_the_tap_passes_on_is_read() -> None:
    far = Far()
    reader, writer, _ = await far.open()
    data = Reader()
    far.tap.attach(CHANNEL, data)
    far.writer.write(BEAT + delivery(1) + BEAT[:4])
    assert await reader.readexactly(len(BEAT)) == BEAT
    far.writer.close()
    assert await reader.read() == BEAT[:4], "the end within a frame is told"
    assert len(data.take().delivered) == 1
    writer.close()
    await writer.wait_closed()
    await far.close()


async def test_more_than_is_received_at_once_is_read_in_order() -> None:
    far = Far()
    reader, writer, _ = await far.open()
    data = Reader()
    far.tap.attach(CHANNEL, data)
    bodies = [bytes([number]) * 100_000 for number in range(20)]
    stream = b"".join(delivery(tag, body) for tag, body in enumerate(bodies, 1))
    far.writer.write(stream + CONSUMED)
    async with asyncio.timeout(30):
        await reader.readuntil(CONSUMED)
    assert [each.body for each in data.take().delivered] == bodies
    writer.close()
    await writer.wait_closed()
    await far.close()


async def test_what_arrives_is_received_into_one_buffer() -> None:
    """asyncio looks for this when it chooses how to receive."""
    far = Far()
    _, writer, _ = await far.open()
    protocol = writer.transport.get_protocol()
    assert isinstance(protocol, asyncio.BufferedProtocol)
    assert protocol.get_buffer(-1) is protocol.get_buffer(-1)
    writer.close()
    await writer.wait_closed()
    await far.close()


async def test_after_a_fault_reading_fails() -> None:
    far = Far()
    reader, writer, opened = await far.open()
    far.writer.write(b"\x07" + bytes(20))
    with pytest.raises(Damaged, match="type 7"):
        await reader.readexactly(1)
    opened.abort()
    with suppress(ConnectionError):
        await writer.wait_closed()
    assert writer.is_closing()
    await far.close()


async def test_nobody_there_is_what_aiormq_raises() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    closed = Socket(Tap(lambda _: None, lambda: None), None, None)
    with pytest.raises(AMQPConnectionError):
        await closed.create(URL(f"amqp://127.0.0.1:{port}"))
    closed.abort()  # nothing happens


async def test_this_aiormq_has_a_way_in() -> None:
    assert missing_hook(aio_pika.Connection(URL("amqp://localhost"))) is None


async def test_where_there_is_none_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_hook(object()) == "aio_pika.Connection has no kwargs for aiormq"

    class Other(Connection):
        def __init__(self, url: str) -> None:
            super().__init__(url)

    monkeypatch.setattr(module, "Connection", Other)
    connection = aio_pika.Connection(URL("amqp://localhost"))
    assert missing_hook(connection) == "aiormq.Connection takes no transport_factory"
