"""Answers about health, over HTTP: ``/healthz`` and ``/readyz``.

It is small on purpose: GET and HEAD, one request a connection, everything bounded. Whatever is sent
to it, the services beside it do not notice.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from baton.errors import ConfigurationError
from baton.health import Health
from baton.kept import Kept
from baton.listening import bound, listening_on

if TYPE_CHECKING:
    from baton.configuration import Configuration

logger = logging.getLogger(__name__)

_DEADLINE: Final = 5.0
"""Seconds that a connection may last."""
_LONGEST: Final = 8192
"""Bytes of a request."""
_MOST: Final = 64
"""Connections at a time."""
_PAUSE: Final = 1.0
"""Seconds until another one is accepted if none could be."""


class HealthServer:
    """Answers on *sockets*, which listen already, how *health* is."""

    def __init__(self, health: Health, sockets: Sequence[socket.socket]) -> None:
        self._sockets = sockets
        self._acceptors: list[Kept] = []
        self._connections: dict[asyncio.Task[None], socket.socket] = {}
        self._checks: dict[str, Callable[[], bool]] = {
            "/healthz": lambda: health.is_alive,
            "/readyz": lambda: health.is_ready,
        }
        self._health = health

    async def start(self) -> None:
        """Begin to answer."""
        for each in self._sockets:
            each.setblocking(False)
        self._acceptors = [Kept(partial(self._accept, each), "health") for each in self._sockets]
        for acceptor in self._acceptors:
            acceptor.start()

    async def close(self) -> None:
        """Close the sockets and all connections."""
        for acceptor in self._acceptors:
            await acceptor.stop()
        tasks = [*self._connections]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for each in self._sockets:
            each.close()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        is_failing = False
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except (OSError, MemoryError) as error:
                # No descriptor is left, say; whoever asks waits meanwhile.
                if not is_failing:
                    reason = error.strerror if isinstance(error, OSError) else "no memory is left"
                    logger.warning("Nobody can be told how it is: %s", reason)
                is_failing = True
                await asyncio.sleep(_PAUSE)
                continue
            is_failing = False
            self._begin(connection)
            while len(self._connections) > _MOST:
                # The oldest: whoever hogs them all does not keep the next one from its answer.
                oldest = next(iter(self._connections))
                oldest.cancel()
                await asyncio.wait([oldest])

    def _begin(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        task = asyncio.create_task(self._serve(connection))
        self._connections[task] = connection
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        # Here, not in the task: one that is cancelled in time never begins.
        self._connections.pop(task).close()

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError, EOFError, OSError):  # the end of this one, and of nothing else
            async with asyncio.timeout(_DEADLINE):
                await loop.sock_sendall(connection, self._answer(await _receive(connection)))

    def _answer(self, head: bytes) -> bytes:
        if len(head) > _LONGEST:
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


async def _receive(connection: socket.socket) -> bytes:
    """The head of a request; longer than is allowed if it is longer."""
    loop = asyncio.get_running_loop()
    received = b""
    while b"\r\n\r\n" not in received and len(received) <= _LONGEST:
        more = await loop.sock_recv(connection, 65_536)
        if not more:
            raise EOFError
        received += more
    head, end, _ = received.partition(b"\r\n\r\n")
    return head + end


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

    *path* is this process's own: a socket there on which nobody listens any more is replaced.
    Raises ConfigurationError if one cannot be opened.
    """
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        if configuration.health_port is not None:
            sockets += map(stack.enter_context, _listen(configuration))
        if path is not None:
            sockets.append(stack.enter_context(_listen_beside(path)))
        yield sockets


def _listen(configuration: Configuration) -> list[socket.socket]:
    host, port = configuration.health_host, configuration.health_port
    try:
        return listening_on(host, port or 0)
    except OSError as error:
        raise ConfigurationError(
            f"HEALTH_PORT: port {port} of {host} cannot be opened: {error.strerror}"
        ) from None


def _listen_beside(path: Path) -> socket.socket:
    before = os.umask(0o117)  # for the user and the group
    try:
        _remove_dead(path)
        return bound(socket.AF_UNIX, str(path))
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(
            f"PID_FILE: the socket beside it, {path}, cannot be opened: {reason}"
        ) from None
    finally:
        os.umask(before)


def _remove_dead(path: Path) -> None:
    """Remove the socket *path*, if it is one on which nobody listens any more."""
    if not path.is_socket():  # to connect to a file is refused, too
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)  # whoever is too busy to answer listens
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except OSError:
            pass  # somebody listens
