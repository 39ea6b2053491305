"""The connection's two ends, as aio-pika takes them: a reader behind a tap, and a writer that sends
once for each turn of the loop."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Final

from aiormq import Connection
from aiormq.exceptions import AMQPConnectionError

from baton.transports.amqp.tap import Tap
from baton.transports.gathering_writer import GatheringWriter

if TYPE_CHECKING:
    from ssl import SSLContext

    from yarl import URL


_MOST_RECEIVED: Final = 64 * 1024
"""Bytes that are received at once: more than a hundred messages, and memory for each connection."""


class Socket:
    """What aiormq calls a ``TransportFactory``: it opens a socket, encrypted if there is a
    *context*, which then verifies *server_name*.

    ``writer`` is there from when it is open. It keeps hold of it, so that it can be cut.
    """

    def __init__(self, tap: Tap, context: SSLContext | None, server_name: str | None) -> None:
        self.writer: GatheringWriter | None = None
        self._tap = tap
        self._context = context
        self._server_name = server_name if context is not None else None

    async def create(
        self, url: URL, **_options: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect. Called by aiormq; raises AMQPConnectionError."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = _TappedProtocol(reader, self._tap, loop)
        try:
            transport, _ = await loop.create_connection(
                lambda: protocol,
                url.host or "",
                url.port or 0,
                ssl=self._context,
                server_hostname=self._server_name,
            )
        except OSError as error:
            raise AMQPConnectionError(*error.args) from error
        original = asyncio.StreamWriter(transport, protocol, reader, loop)
        self.writer = GatheringWriter(reader, original)
        return reader, self.writer

    def abort(self) -> None:
        """Close at once, without a word to the broker. Nothing happens if it is closed."""
        if self.writer is not None:
            self.writer.transport.abort()


def missing_hook(connection: object) -> str | None:
    """What *connection*, aio-pika's, or aiormq lacks that a :class:`Socket` is given by; None if
    all is there."""
    if "transport_factory" not in inspect.signature(Connection).parameters:
        return "aiormq.Connection takes no transport_factory"
    if not isinstance(getattr(connection, "kwargs", None), dict):
        return "aio_pika.Connection has no kwargs for aiormq"
    return None


class _TappedProtocol(asyncio.StreamReaderProtocol, asyncio.BufferedProtocol):
    """Has *tap* read what arrives, and *reader* what the tap passes on.

    It has a buffer to receive into: asyncio, left to itself, makes one of 256 KiB for whatever
    arrives, which may cost three system calls and a page of memory each time.
    """

    def __init__(
        self, reader: asyncio.StreamReader, tap: Tap, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(reader, loop=loop)
        self._tap = tap
        self._passed_on = reader
        self._received = memoryview(bytearray(_MOST_RECEIVED))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._received

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._received[:nbytes]))

    def data_received(self, data: bytes) -> None:
        passed = self._tap.feed(data)
        if passed:
            super().data_received(passed)
        self._tap.tell()
        if self._tap.fault is not None and self._passed_on.exception() is None:
            self._passed_on.set_exception(self._tap.fault)

    def eof_received(self) -> bool | None:
        rest = self._tap.end()
        if rest:
            super().data_received(rest)
        return super().eof_received()
