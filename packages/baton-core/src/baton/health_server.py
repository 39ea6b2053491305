"""Answers about health, over HTTP: ``/healthz`` and ``/readyz``.

It is small on purpose: GET and HEAD, one request a connection, everything bounded. Whatever is sent
to it, the services beside it do not notice.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from baton.errors import ConfigurationError
from baton.health import Health

if TYPE_CHECKING:
    from baton.configuration import Configuration

_DEADLINE: Final = 5.0
"""Seconds that a connection may last."""
_LONGEST: Final = 8192
"""Bytes of a request."""
_MOST: Final = 64
"""Connections at a time."""


class HealthServer:
    """Answers on *sockets*, which listen already, how *health* is."""

    def __init__(self, health: Health, sockets: Sequence[socket.socket]) -> None:
        self._sockets = sockets
        self._servers: list[asyncio.Server] = []
        self._connections: dict[asyncio.Task[Any], None] = {}
        self._checks: dict[str, Callable[[], bool]] = {
            "/healthz": lambda: health.is_alive,
            "/readyz": lambda: health.is_ready,
        }
        self._health = health

    async def start(self) -> None:
        """Begin to answer."""
        for each in self._sockets:
            server = await asyncio.start_server(self._serve, sock=each, limit=_LONGEST)
            self._servers.append(server)

    async def close(self) -> None:
        """Close the sockets and all connections."""
        for server in self._servers:
            server.close()
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        if connections:
            await asyncio.wait(connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:  # for the type checker: a coroutine runs in a task
            return
        if len(self._connections) >= _MOST:
            # The oldest: whoever hogs them all does not keep the next one from its answer.
            next(iter(self._connections)).cancel()
        self._connections[task] = None
        try:
            async with asyncio.timeout(_DEADLINE):
                writer.write(await self._answer(reader))
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, EOFError, OSError, asyncio.CancelledError):
            pass  # it is the end of this connection, and of nothing else
        finally:
            del self._connections[task]
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        words = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _response(HTTPStatus.BAD_REQUEST)
        method, target, _ = words
        if method not in ("GET", "HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, "Allow: GET, HEAD\r\n")
        check = self._checks.get(target.partition("?")[0])
        if check is None:
            return _response(HTTPStatus.NOT_FOUND)
        status = HTTPStatus.OK if check() else HTTPStatus.SERVICE_UNAVAILABLE
        body = f"{json.dumps(self._health.report())}\n".encode()
        head = _response(status, "Content-Type: application/json\r\n", len(body))
        return head + body if method == "GET" else head


def _response(status: HTTPStatus, headers: str = "", length: int = 0) -> bytes:
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n{headers}Content-Length: {length}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    ).encode()


@contextmanager
def health_sockets(
    configuration: Configuration, path: Path | None = None
) -> Iterator[list[socket.socket]]:
    """What a :class:`HealthServer` answers on, listening: ``HEALTH_PORT`` if it is set, and *path*.

    *path* is this process's own: what is left there by another one is removed. Raises
    ConfigurationError if one cannot be opened.
    """
    with ExitStack() as stack:
        sockets = []
        if configuration.health_port is not None:
            sockets.append(stack.enter_context(_listen(configuration)))
        if path is not None:
            sockets.append(stack.enter_context(_listen_beside(path)))
        yield sockets


def _listen(configuration: Configuration) -> socket.socket:
    host, port = configuration.health_host, configuration.health_port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return _bound(found[0][0], found[0][4])
    except OSError as error:
        raise ConfigurationError(
            f"HEALTH_PORT: port {port} of {host} cannot be opened: {error.strerror}"
        ) from None


def _listen_beside(path: Path) -> socket.socket:
    before = os.umask(0o117)  # for the user and the group
    try:
        if path.is_socket():
            path.unlink()
        return _bound(socket.AF_UNIX, str(path))
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(
            f"PID_FILE: the socket beside it, {path}, cannot be opened: {reason}"
        ) from None
    finally:
        os.umask(before)


def _bound(family: int, address: Any) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # What just ended does not keep the port from the next one.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener
