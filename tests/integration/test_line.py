"""The line that tests cut."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from integration.line import Line


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(100):
            writer.write(data)
    writer.close()


async def test_it_forwards_is_cut_mended_and_frozen() -> None:
    async with await asyncio.start_server(_echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Line(f"amqp://guest:guest@127.0.0.1:{port}/a%2Fb") as line:
            assert line.end.startswith("amqp://guest:guest@127.0.0.1:")
            assert line.end.endswith("/a%2Fb")
            here = int(line.end.rpartition(":")[2].partition("/")[0])
            reader, writer = await asyncio.open_connection("127.0.0.1", here)
            writer.write(b"one")
            assert await reader.readexactly(3) == b"one"
            line.freeze()
            writer.write(b"two")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.readexactly(3), 0.2)
            await line.mend()
            assert await reader.readexactly(3) == b"two"
            await line.cut()
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
            with pytest.raises(OSError, match=r"refused|Connect call failed"):
                await asyncio.open_connection("127.0.0.1", here)
            await line.mend()
            reader, writer = await asyncio.open_connection("127.0.0.1", here)
            writer.write(b"new")
            assert await reader.readexactly(3) == b"new"
            writer.close()
