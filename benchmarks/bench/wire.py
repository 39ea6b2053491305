"""The bench's own end of the broker: as little CPU as Python can, since it shares the machine.

It publishes prepared frames in one write, and counts pongs in the bytes that arrive, undecoded.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Self, cast
from urllib.parse import unquote, urlsplit

from pika import spec
from pika.frame import Body, Header, Method, decode_frame

MARK = b'"pong"'
"""What each pong has once."""
CHUNK = 1 << 20
FRAME_MAX = 131_072
TIMEOUT = 60.0


class Wire:
    """A connection with one channel."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        user, password = unquote(parts.username or "guest"), unquote(parts.password or "guest")
        self._buffer = b""
        self._tail = b""
        self._exchanges: list[str] = []
        self._socket = socket.create_connection(
            (parts.hostname or "localhost", parts.port or 5672), TIMEOUT
        )
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(b"AMQP\x00\x00\x09\x01")
        self._receive(0)
        response = f"\0{user}\0{password}".encode()
        self._send(0, spec.Connection.StartOk({}, "PLAIN", response))
        self._receive(0)
        self._send(0, spec.Connection.TuneOk(1, FRAME_MAX, 0))
        self._send(0, spec.Connection.Open(unquote(parts.path[1:]) or "/"))
        self._receive(0)
        self.call(spec.Channel.Open())

    def call(self, method: Any) -> Any:
        """Send *method*, and return the broker's answer to it."""
        self._send(1, method)
        return self._receive(1)

    def exchange(self, name: str) -> None:
        """Declare it as Baton does; it is deleted when this connection is closed."""
        self.call(spec.Exchange.Declare(exchange=name, type="direct", durable=True))
        self._exchanges.append(name)

    def queue(self, exchange: str, key: str = "") -> str:
        """A queue of this connection alone, bound to *exchange*; its name."""
        declared = self.call(spec.Queue.Declare(queue="", exclusive=True))
        self.bind(declared.queue, exchange, key)
        return str(declared.queue)

    def bind(self, queue: str, exchange: str, key: str) -> None:
        """Bind a queue, whoever declared it."""
        self.call(spec.Queue.Bind(queue=queue, exchange=exchange, routing_key=key))

    def delete(self, queue: str) -> None:
        """Delete a queue, if it is there."""
        self.call(spec.Queue.Delete(queue=queue))

    def consume(self, queue: str) -> None:
        """From now on this connection only counts what *queue* brings."""
        self.call(spec.Basic.Consume(queue=queue, no_ack=True))

    def send(self, frames: bytes) -> None:
        """Send prepared frames."""
        self._socket.sendall(frames)

    def count(self, pongs: int, timeout: float = TIMEOUT) -> float:
        """Wait for so many pongs; the moment of the last, by perf_counter. Raises TimeoutError."""
        return count_all([self], pongs, timeout)

    def fileno(self) -> int:
        """Of its socket, to be waited for."""
        return self._socket.fileno()

    def more(self) -> int:
        """How many pongs end in what has arrived; waits for some of it, if there is none."""
        received = self._socket.recv(CHUNK)
        if not received:
            raise ConnectionError("The broker closed the connection of the bench")
        return self._count(received)

    def left(self) -> int:
        """How many pongs end in what was read before they were counted."""
        received, self._buffer = self._buffer, b""
        return self._count(received)

    def _count(self, received: bytes) -> int:
        stream = self._tail + received
        # Shorter than a mark: none is counted twice, and none is missed that comes in two parts.
        self._tail = stream[-len(MARK) + 1 :]
        return stream.count(MARK)

    def take(self) -> Any:
        """The properties of the next message that this connection consumes."""
        self._socket.settimeout(TIMEOUT)
        while True:
            frame = self._frame()
            if isinstance(frame, Header):
                return frame.properties

    def close(self) -> None:
        """Leave nothing at the broker, and hang up."""
        with suppress(OSError):  # the broker hung up before
            for each in self._exchanges:
                self.call(spec.Exchange.Delete(exchange=each))
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, channel: int, method: Any) -> None:
        self._socket.sendall(Method(channel, method).marshal())

    def _receive(self, channel: int) -> Any:
        """The next method on *channel*."""
        while True:
            frame = self._frame()
            if isinstance(frame, Method) and frame.channel_number == channel:
                if isinstance(frame.method, spec.Channel.Close | spec.Connection.Close):
                    raise ConnectionError(f"The broker refused: {frame.method.reply_text}")
                return frame.method

    def _frame(self) -> Any:
        while True:
            size, frame = decode_frame(self._buffer)
            if frame is not None:
                self._buffer = self._buffer[size:]
                return frame
            received = self._socket.recv(CHUNK)
            if not received:
                raise ConnectionError("The broker closed the connection of the bench")
            self._buffer += received


def count_all(wires: Sequence[Wire], pongs: int, timeout: float = TIMEOUT) -> float:
    """Wait until each of *wires* has so many pongs; the moment of the last, by perf_counter.

    One thread hears them all: twenty would fight for the interpreter. Raises TimeoutError.
    """
    deadline = time.monotonic() + timeout
    missing = {wire: pongs - wire.left() for wire in wires}
    with selectors.DefaultSelector() as selector:
        for wire in wires:
            selector.register(wire, selectors.EVENT_READ)
        while any(each > 0 for each in missing.values()):
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                found = pongs - max(missing.values())
                raise TimeoutError(f"{found} of {pongs} pongs came in {timeout:g} s")
            for key, _ in ready:
                wire = cast(Wire, key.fileobj)
                missing[wire] -= wire.more()
    moment = time.perf_counter()
    if (most := pongs - min(missing.values())) > pongs:
        raise ValueError(f"{most} pongs came, {pongs} pings were sent")
    return moment


def frames(
    exchange: str, key: str, messages: Iterable[tuple[spec.BasicProperties, bytes]]
) -> bytes:
    """The frames that publish *messages*."""
    publish = Method(1, spec.Basic.Publish(exchange=exchange, routing_key=key)).marshal()
    parts: list[bytes] = []
    for properties, body in messages:
        parts += (publish, Header(1, len(body), properties).marshal())
        parts += (
            Body(1, body[start : start + FRAME_MAX - 8]).marshal()
            for start in range(0, len(body), FRAME_MAX - 8)
        )
    return b"".join(parts)
