"""The line that tests make bad."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from lines import Greeting, Line, Pace, Way

HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"


@dataclass
class Echo:
    """What is at the other end: it says what it hears, and remembers it."""

    heard: bytearray = field(default_factory=bytearray)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    ends: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(100):
                self.heard += data
                self.changed.set()
                writer.write(data)
                await writer.drain()
        self.ends += 1
        writer.close()

    async def hears(self, what: bytes) -> None:
        async with asyncio.timeout(5):
            while what not in self.heard:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def line_to(echo: Echo) -> AsyncIterator[Line]:
    async with await asyncio.start_server(echo.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Line(f"amqp://guest:guest@127.0.0.1:{port}/a%2Fb", seed=1) as line:
            yield line


class Client:
    """Who is at this end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, line: Line) -> Client:
        port = int(line.end.rpartition(":")[2].partition("/")[0])
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def says_without_end(self) -> None:
        while True:
            self.say(b"x" * 1_000_000)
            await self.writer.drain()

    async def hears(self, data: bytes, within: float = 5) -> None:
        async with asyncio.timeout(within):
            assert await self.reader.readexactly(len(data)) == data

    async def hears_nothing(self) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(self.reader.read(1), 0.2)

    async def asks(self, data: bytes) -> None:
        self.say(data)
        await self.hears(data)

    async def is_ended(self, *, reset: bool = False) -> None:
        async with asyncio.timeout(5):
            if reset:
                with pytest.raises(ConnectionResetError):
                    await self.reader.read(1)
            else:
                assert await self.reader.read(1) == b""
        self.writer.close()


def frame(payload: bytes) -> bytes:
    return struct.pack(">BHI", 1, 1, len(payload)) + payload + b"\xce"


async def test_it_forwards_is_cut_and_mended() -> None:
    async with line_to(Echo()) as line:
        assert line.end.startswith("amqp://guest:guest@127.0.0.1:")
        assert line.end.endswith("/a%2Fb")
        client = await Client.of(line)
        await client.asks(b"one")
        await line.cut()
        await client.is_ended()
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await Client.of(line)
        await line.mend()
        client = await Client.of(line)
        await client.asks(b"new")
        await line.cut(reset=True)
        await client.is_ended(reset=True)
        assert len(line.attempts) == 2


async def test_what_is_dropped_may_come_again_at_once() -> None:
    async with line_to(Echo()) as line:
        client = await Client.of(line)
        await client.asks(b"one")
        await line.drop()
        await client.is_ended()
        again = await Client.of(line)
        await again.asks(b"two")
        assert line.open == 1
        again.writer.close()


async def test_what_is_frozen_is_held_and_goes_on() -> None:
    async with line_to(Echo()) as line:
        client = await Client.of(line)
        line.freeze()
        client.say(b"one")
        await client.hears_nothing()
        await line.mend()
        await client.hears(b"one")
        client.writer.close()


async def test_one_way_is_frozen_alone() -> None:
    echo = Echo()
    async with line_to(echo) as line:
        client = await Client.of(line)
        line.freeze(Way.DOWN)
        client.say(b"one")
        await echo.hears(b"one")
        await client.hears_nothing()
        await line.mend()
        await client.hears(b"one")
        line.freeze(Way.UP)
        client.say(b"two")
        await client.hears_nothing()
        assert bytes(echo.heard) == b"one"
        client.writer.close()


async def test_what_is_swallowed_is_gone_and_mending_resets_the_connection() -> None:
    echo = Echo()
    async with line_to(echo) as line:
        client = await Client.of(line)
        line.swallow(Way.UP)
        client.say(b"lost")
        await client.hears_nothing()
        new = await Client.of(line)
        new.say(b"lost")
        await new.hears_nothing()
        await line.mend()
        await client.is_ended(reset=True)
        await new.is_ended(reset=True)
        assert not echo.heard
        fresh = await Client.of(line)
        await fresh.asks(b"one")
        fresh.writer.close()


async def test_a_forgotten_connection_is_left_as_it_is_by_the_other_side() -> None:
    echo = Echo()
    async with line_to(echo) as line:
        client = await Client.of(line)
        await client.asks(b"one")
        line.swallow(new=False)
        client.writer.close()
        new = await Client.of(line)
        await new.asks(b"two")
        assert echo.ends == 0  # the end was swallowed, too
        await line.mend()
        await new.asks(b"three")
        new.writer.close()


async def test_it_does_not_take_without_bound() -> None:
    async with line_to(Echo()) as line:
        client = await Client.of(line)
        await client.asks(b"one")
        line.freeze()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.says_without_end(), 0.5)
        client.writer.transport.abort()


@pytest.mark.parametrize("greeting", [Greeting.RESET, Greeting.CLOSED])
async def test_new_ones_are_closed(greeting: Greeting) -> None:
    async with line_to(Echo()) as line:
        line.greeting = greeting
        client = await Client.of(line)
        await client.is_ended(reset=greeting is Greeting.RESET)
        assert len(line.attempts) == 1
        await line.mend()
        client = await Client.of(line)
        await client.asks(b"one")
        client.writer.close()


async def test_new_ones_are_left_silent() -> None:
    echo = Echo()
    async with line_to(echo) as line:
        line.greeting = Greeting.LEFT_SILENT
        client = await Client.of(line)
        client.say(b"one")
        await client.hears_nothing()
        assert not echo.heard
        await line.mend()
        await client.is_ended(reset=True)


async def test_it_is_as_slow_as_it_is_told() -> None:
    async with line_to(Echo()) as line:
        client = await Client.of(line)
        line.slow(Pace(rate=10_000), Way.UP)
        began = time.monotonic()
        client.say(b"x" * 3_000 + b"end")
        await client.hears(b"x" * 3_000)
        assert time.monotonic() - began >= 0.25
        await client.hears(b"end")
        line.slow(Pace(latency=0.2, jitter=0.05))
        began = time.monotonic()
        await client.asks(b"there and back")
        assert time.monotonic() - began >= 0.4
        client.writer.close()


async def test_it_drips_in_order() -> None:
    async with line_to(Echo()) as line:
        client = await Client.of(line)
        line.slow(Pace(piece=1))
        data = bytes(range(200))
        client.say(data)
        await client.hears(data)
        client.writer.close()


async def test_heartbeats_are_dropped_and_nothing_else() -> None:
    async with line_to(Echo()) as line:
        client = await Client.of(line)
        await client.asks(HEARTBEAT)
        line.drop_heartbeats(Way.UP)
        client.say(HEARTBEAT + frame(b"one") + HEARTBEAT)
        await client.hears(frame(b"one"))
        await client.hears_nothing()
        client.writer.close()


async def test_one_bit_of_the_next_method_is_damaged() -> None:
    async with line_to(Echo()) as line:
        client = await Client.of(line)
        await client.asks(frame(b"one"))
        assert line.damage(Way.UP, -1) == 1
        client.say(HEARTBEAT + frame(b"two"))
        await client.hears(HEARTBEAT + frame(b"two")[:-1])
        end = await client.reader.readexactly(1)
        assert (end[0] ^ 0xCE).bit_count() == 1
        client.writer.close()


async def test_many_connections_one_line() -> None:
    async with line_to(Echo()) as line:
        clients = await asyncio.gather(*(Client.of(line) for _ in range(50)))
        await asyncio.gather(*(each.asks(b"one") for each in clients))
        assert line.open == line.attempts.peak(60) == 50
        for each in clients:
            each.writer.close()
