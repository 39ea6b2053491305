"""Serving the application on this process's event loop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from baton.errors import ConfigurationError
from baton.listening import listening_on

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from baton_ping_monitor.settings import WebSettings

logger = logging.getLogger(__name__)

_LONGEST_HEAD: Final = 32_768
"""Bytes of a request without its body."""
_HEAD_DEADLINE: Final = 15.0
"""Seconds in which it has to be there."""
_KEPT_ALIVE: Final = 30
"""Seconds that a connection may be idle between two requests."""
_SLOWEST: Final = 60.0
"""Seconds that it may take until something of an answer is taken."""
_MOST_CONNECTIONS: Final = 1000
_BUSY: Final = 512
"""Connections from which on requests are answered with 503."""
_LAST_WORDS: Final = 1
"""Seconds for answers that are under way when it stops."""
_PROXIES: Final = ["127.0.0.1", "::1"]
"""Who is believed where a request comes from: proxies on this machine."""


class WebServer:
    """Answers requests with *app*, whose streams it ends when it stops.

    The addresses are opened at once: raises ConfigurationError if one cannot be.
    """

    def __init__(self, app: Starlette, web: WebSettings) -> None:
        self._app = app
        self._sockets = _open(web)
        self.url = _url(web, self._sockets)
        """Where a browser finds it."""
        self._task: asyncio.Task[None] | None = None
        self._server = _Server(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=True,
                forwarded_allow_ips=_PROXIES,
                limit_concurrency=_BUSY,
                timeout_keep_alive=_KEPT_ALIVE,
                timeout_graceful_shutdown=_LAST_WORDS,
                h11_max_incomplete_event_size=_LONGEST_HEAD,
            )
        )

    async def start(self) -> None:
        """Begin to answer."""
        self._task = asyncio.create_task(self._server.serve(sockets=list(self._sockets)))
        begun = asyncio.create_task(self._server.begun.wait())
        await asyncio.wait([self._task, begun], return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """End all streams, let answers that are under way end within a second, and close."""
        await self._app.state.streams.close()
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self.close()

    def close(self) -> None:
        """Close the addresses, where it was never started."""
        for each in self._sockets:
            each.close()


class _Server(uvicorn.Server):
    """Tells when it has begun, and leaves signals to the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.begun.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(H11Protocol):
    """Does not wait without end for a request to come, nor takes any number of connections."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > _MOST_CONNECTIONS:
            transport.abort()
            return
        _end_when_nothing_is_taken(transport.get_extra_info("socket"))
        self._await_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._deadline is None:
            self._await_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._end_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._end_deadline()

    def _await_request(self) -> None:
        self._deadline = self.loop.call_later(_HEAD_DEADLINE, self._check)

    def _check(self) -> None:
        self._deadline = None
        cycle: Any = self.cycle
        is_waiting = cycle is None or cycle.response_complete
        if is_waiting and self.timeout_keep_alive_task is None:
            self.transport.abort()

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _end_when_nothing_is_taken(connection: socket.socket | None) -> None:
    """Have the system end a connection whose other end takes nothing of what is sent to it."""
    if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        option = socket.TCP_USER_TIMEOUT
        connection.setsockopt(socket.IPPROTO_TCP, option, round(_SLOWEST * 1000))


def _url(web: WebSettings, sockets: Sequence[socket.socket]) -> str:
    host, port = sockets[0].getsockname()[:2]
    name = web.host if len(sockets) > 1 and web.host else host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}{web.prefix}/"


def _open(web: WebSettings) -> Sequence[socket.socket]:
    try:
        with ExitStack() as stack:
            sockets = [stack.enter_context(each) for each in listening_on(web.host, web.port)]
            for each in sockets:
                each.setblocking(False)
            stack.pop_all()
    except OSError as error:
        raise ConfigurationError(
            f"The dashboard cannot answer on port {web.port} of {web.host}: {error.strerror}. "
            "Choose others with --host and --port (DASHBOARD_HOST, DASHBOARD_PORT)"
        ) from None
    return sockets
