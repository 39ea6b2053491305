"""A writer that sends what is written in one turn of the event loop at once.

aiormq writes each frame by itself, and a write to a socket that is not busy is a system call, a
segment, and a wake-up of whoever reads: for a server that answers often, they cost more than the
answers.
"""

from __future__ import annotations

import asyncio
from typing import Final

_MOST: Final = 65_536
"""Bytes that are gathered at most, as many as asyncio buffers before its drain() waits."""


class GatheringWriter(asyncio.StreamWriter):
    """Writes to the transport of *writer*, whose counterpart is *reader*.

    What is sent when it has ended is dropped: aiormq ends it when the broker has, and whoever sends
    hears that a little later. asyncio raises RuntimeError then, or warns.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(writer.transport, writer.transport.get_protocol(), reader, loop)
        self._turns = loop
        # Without anybody who knows it, it would close the transport.
        self._original = writer
        self._gathered: list[bytes] = []
        self._size = 0
        self._ended = False

    @property
    def _is_over(self) -> bool:
        return self._ended or self.transport.is_closing()

    @property
    def waiting(self) -> int:
        """Bytes that were written and are not in the socket yet."""
        return self._size + self.transport.get_write_buffer_size()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send *data* with what else is written in this turn of the loop."""
        if self._is_over:
            return
        if not self._gathered:
            self._turns.call_soon(self._send)
        self._gathered.append(bytes(data))
        self._size += len(data)
        if self._size >= _MOST:
            self._send()

    def send(self, data: bytes) -> None:
        """Send *data*, which is a batch already, at once, with what was written before: whoever
        waits for it does not wait for another turn of the loop."""
        if self._gathered:
            self._gathered.append(data)
            self._send()
        elif not self._is_over:
            super().write(data)

    def write_eof(self) -> None:
        """Send what is gathered, and that it was the last."""
        self._send()
        self._ended = True
        super().write_eof()

    def close(self) -> None:
        """Send what is gathered, and close."""
        self._send()
        super().close()

    async def drain(self) -> None:
        """Send what is gathered, and wait until there is room for more."""
        self._send()
        await super().drain()

    def _send(self) -> None:
        if self._gathered:
            gathered, self._gathered, self._size = self._gathered, [], 0
            if not self._is_over:
                super().write(b"".join(gathered))
