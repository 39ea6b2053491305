"""What is written in one turn of the loop is sent at once."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from baton.transports.gathering_writer import GatheringWriter

DEADLINE = 10


class Line:
    """A connection: what one end writes with a :class:`GatheringWriter`, the other one reads."""

    def __init__(self, writer: GatheringWriter, far: asyncio.StreamReader) -> None:
        self.writer = writer
        self.far = far
        self.sent: list[bytes] = []
        transport: Any = writer.transport
        write = transport.write

        def count(data: bytes) -> None:
            self.sent.append(bytes(data))
            write(data)

        transport.write = count

    async def read(self, count: int) -> bytes:
        async with asyncio.timeout(DEADLINE):
            return await self.far.readexactly(count)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    accepted: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    accepted = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda *both: accepted.set_result(both), "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        writer = GatheringWriter(*await asyncio.open_connection(host, port))
        far, theirs = await accepted
        yield Line(writer, far)
        for each in (writer, theirs):
            each.close()
            await each.wait_closed()


async def test_it_says_how_much_waits(line: Line) -> None:
    assert line.writer.waiting == 0
    line.writer.write(b"12345")
    assert line.writer.waiting == 5
    assert await line.read(5) == b"12345"
    assert line.writer.waiting == 0
    many = b"x" * 50_000_000  # more than a socket takes at once
    line.writer.write(many)
    assert line.writer.waiting > 1_000_000
    assert await line.read(len(many)) == many


async def test_what_is_written_in_a_turn_is_sent_at_once_and_in_order(line: Line) -> None:
    for part in (b"one ", bytearray(b"two "), memoryview(b"three")):
        line.writer.write(part)
    assert line.sent == []
    assert await line.read(13) == b"one two three"
    line.writer.write(b"four")
    assert await line.read(4) == b"four"
    assert line.sent == [b"one two three", b"four"]


async def test_a_batch_goes_at_once_behind_what_was_written(line: Line) -> None:
    line.writer.send(b"one ")
    assert line.sent == [b"one "]
    line.writer.write(b"two ")
    line.writer.send(b"three")
    assert line.sent == [b"one ", b"two three"]
    assert line.writer.waiting == 0
    assert await line.read(13) == b"one two three"
    assert len(line.sent) == 2, "nothing is sent twice"


async def test_much_is_not_gathered(line: Line) -> None:
    line.writer.write(b"x" * 70_000)
    assert len(line.sent) == 1
    line.writer.write(b"y")
    assert await line.read(70_001) == b"x" * 70_000 + b"y"


async def test_to_drain_is_to_send(line: Line) -> None:
    line.writer.write(b"one")
    await line.writer.drain()
    assert line.sent == [b"one"]


@pytest.mark.parametrize("end", ["close", "write_eof"])
async def test_what_is_gathered_is_sent_before_the_end(line: Line, end: str) -> None:
    line.writer.write(b"one")
    getattr(line.writer, end)()
    async with asyncio.timeout(DEADLINE):
        assert await line.far.read() == b"one"


@pytest.mark.parametrize("end", ["close", "write_eof"])
async def test_what_is_sent_after_the_end_is_dropped(line: Line, end: str) -> None:
    """Who sends may not know yet that aiormq has ended the connection."""
    line.writer.write(b"one")
    getattr(line.writer, end)()
    line.writer.send(b"two")
    line.writer.write(b"three")
    assert line.writer.waiting == 0
    await asyncio.sleep(0)  # what is gathered would be sent now
    async with asyncio.timeout(DEADLINE):
        assert await line.far.read() == b"one"
    assert line.sent == [b"one"]


async def test_what_is_sent_after_a_cut_is_dropped(line: Line) -> None:
    line.writer.write(b"one")
    line.writer.transport.abort()
    line.writer.send(b"two")
    line.writer.write(b"three")
    await asyncio.sleep(0)
    assert line.sent == []


async def test_nobody_else_closes_it(line: Line) -> None:
    gc.collect()
    line.writer.write(b"one")
    assert await line.read(3) == b"one"
