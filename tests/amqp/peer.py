"""A broker that follows a script: it shakes hands, answers requests, and keeps what it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

from pamqp import frame
from pamqp.body import ContentBody
from pamqp.commands import Basic, Channel, Confirm, Connection, Exchange, Queue
from pamqp.common import FieldTable
from pamqp.header import ContentHeader

FRAME_MAX: Final = 4096
DEADLINE: Final = 10

CAPABILITIES: Final[FieldTable] = {
    "publisher_confirms": True,
    "basic.nack": True,
    "consumer_cancel_notify": True,
    "connection.blocked": True,
}


class Peer:
    """Serves on 127.0.0.1, one connection at a time.

    *on_publish* makes, from what was published, the bytes to answer with; *before_consume_ok*
    is sent before a consumer is confirmed.
    """

    def __init__(self, on_publish: Callable[[Published], bytes] | None = None) -> None:
        self.before_consume_ok = b""
        self.opened: list[int] = []
        """The channels that were opened, in order."""
        self.answers: list[frame.FrameTypes] = []
        """Acknowledgements and refusals, in order."""
        self.published: list[Published] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self._on_publish = on_publish or (lambda _: b"")
        self._changed = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._current: dict[int, Published] = {}

    async def __aenter__(self) -> Peer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self.reading.set()
        if self._writer is not None:
            self._writer.close()
        self._server.close()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def send(self, data: bytes) -> None:
        """Have *data* arrive at whoever is connected."""
        assert self._writer is not None
        self._writer.write(data)

    def say(self, *values: frame.FrameTypes, channel: int | None = None) -> None:
        """Send *values*, on the data channel unless another is named."""
        number = self.opened[-1] if channel is None else channel
        self.send(b"".join(frame.marshal(value, number) for value in values))

    def end(self) -> None:
        """Close the socket, without a word."""
        assert self._writer is not None
        self._writer.close()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until *condition* holds, looked at whenever something has arrived."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._current.clear()
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readexactly(8)
            self._answer(0, Connection.Start(0, 9, {"capabilities": CAPABILITIES}, "PLAIN"))
            while True:
                await self.reading.wait()
                head = await reader.readexactly(7)
                size = frame.frame_parts(head)[2]
                assert size is not None
                data = head + await reader.readexactly(size + 1)
                _, number, value = frame.unmarshal(data)
                for answer in self._answers(number, value):
                    self._answer(number, answer)
                self._changed.set()
                await writer.drain()
        writer.close()

    def _answer(self, number: int, value: frame.FrameTypes) -> None:
        assert self._writer is not None
        if not self._writer.is_closing():
            self._writer.write(frame.marshal(value, number))

    def _answers(self, number: int, value: Any) -> Iterator[frame.FrameTypes]:
        match value:
            case Connection.StartOk():
                yield Connection.Tune(2047, FRAME_MAX, 60)
            case Connection.Open():
                yield Connection.OpenOk()
            case Connection.Close():
                yield Connection.CloseOk()
            case Channel.Open():
                self.opened.append(number)
                yield Channel.OpenOk()
            case Channel.Close():
                yield Channel.CloseOk()
            case Confirm.Select():
                yield Confirm.SelectOk()
            case Basic.Qos():
                yield Basic.QosOk()
            case Basic.Consume():
                self.send(self.before_consume_ok)
                yield Basic.ConsumeOk(value.consumer_tag)
            case Basic.Cancel():
                yield Basic.CancelOk(value.consumer_tag)
            case Basic.Ack() | Basic.Nack():
                self.answers.append(value)
            case Basic.Publish():
                self._current[number] = Published(value)
            case ContentHeader() | ContentBody():
                self._take(number, value)
            case Exchange.Declare() | Queue.Declare() | Queue.Bind():
                assert value.nowait

    def _take(self, number: int, value: ContentHeader | ContentBody) -> None:
        current = self._current[number]
        if isinstance(value, ContentHeader):
            current.header = value
        else:
            current.body += value.value or b""
        if current.header is not None and len(current.body) == current.header.body_size:
            self.published.append(current)
            self.send(self._on_publish(current))


class Published:
    """What was published, and how."""

    def __init__(self, method: Basic.Publish) -> None:
        self.method = method
        self.header: ContentHeader | None = None
        self.body = b""

    @property
    def key(self) -> str:
        return self.method.routing_key or ""

    @property
    def message_id(self) -> str:
        assert self.header is not None
        return self.header.properties.message_id or ""
