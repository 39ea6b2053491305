"""The bench's own end of the broker: as little CPU as Python can, since it shares the machine.

It publishes prepared frames in one write, and counts pongs in the bytes that arrive, undecoded.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from typing import Any, Self
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
        """Declare it as Baton does."""
        self.call(spec.Exchange.Declare(exchange=name, type="direct", durable=True))

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
        found, tail = 0, self._buffer
        self._buffer = b""
        deadline = time.monotonic() + timeout
        while True:
            found += tail.count(MARK)
            if found >= pongs:
                break
            tail = tail[-len(MARK) + 1 :]
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                received = self._socket.recv(CHUNK)
            except TimeoutError:
                raise TimeoutError(f"{found} of {pongs} pongs came in {timeout:g} s") from None
            if not received:
                raise ConnectionError("The broker closed the connection of the bench")
            tail += received
        moment = time.perf_counter()
        if found > pongs:
            raise ValueError(f"{found} pongs came, {pongs} pings were sent")
        return moment

    def take(self) -> Any:
        """The properties of the next message that this connection consumes."""
        self._socket.settimeout(TIMEOUT)
        while True:
            frame = self._frame()
            if isinstance(frame, Header):
                return frame.properties

    def close(self) -> None:
        """Hang up."""
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
