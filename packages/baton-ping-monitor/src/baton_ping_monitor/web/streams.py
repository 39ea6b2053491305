"""Server-sent events: streams that stay open, so many at most, and that end together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from baton_ping_monitor.web.refusals import refuse

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

HEARTBEAT: Final = 15.0
"""Seconds of silence after which a comment is sent: then a browser, or a proxy, knows that the
stream lives."""
_SLOWEST: Final = 30.0
"""Seconds that a reader may take to take something."""
_LONGEST: Final = 3600.0
"""Seconds after which a stream ends: browsers come again, and have to be logged in then."""
_MOST: Final = 200

Stays = Callable[[], bool]
"""Whether who began to read a stream may still read it."""


def sse(data: Any, *, event: str | None = None, id: int | str | None = None) -> str:
    """One server-sent event, whose data is *data* as JSON."""
    lines = [] if id is None else [f"id: {id}"]
    if event is not None:
        lines.append(f"event: {event}")
    lines.append(f"data: {json.dumps(data, separators=(',', ':'))}")
    return "\n".join(lines) + "\n\n"


class Streams:
    """The streams that are open. Belongs to the event loop."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._open: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    @property
    def number(self) -> int:
        """How many are open."""
        return len(self._open)

    def respond(self, request: Request, source: AsyncIterator[str]) -> Response:
        """A response that sends what *source* gives, such as :func:`sse` makes, for as long as
        somebody reads it, and may (``request.state.stays``); a refusal if too many are open.
        *source* is closed in the end."""
        if self._is_closed or len(self._open) >= self._most:
            return refuse(request, 503, "Too many streams are open.", {"Retry-After": "10"})
        return _Stream(self, source, getattr(request.state, "stays", _always))

    async def close(self) -> None:
        """End all of them, and refuse others."""
        self._is_closed = True
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def run(
        self, source: AsyncIterator[str], stays: Stays, receive: Receive, send: Send
    ) -> None:
        """Send what *source* gives until it ends, nobody reads any more, or may, or all are
        closed."""
        task = asyncio.create_task(_pump(source, stays, send))
        self._open.add(task)
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait([task, gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (task, gone):
                each.cancel()
            await asyncio.wait([task, gone])
            self._open.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


class _Stream(Response):
    def __init__(self, streams: Streams, source: AsyncIterator[str], stays: Stays) -> None:
        super().__init__(media_type="text/event-stream; charset=utf-8")
        del self.headers["content-length"]
        # nginx would keep it back otherwise.
        self.headers["X-Accel-Buffering"] = "no"
        self._streams = streams
        self._source = source
        self._stays = stays

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        if scope["method"] != "HEAD":
            await self._streams.run(self._source, self._stays, receive, send)
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_SLOWEST):
                await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _pump(source: AsyncIterator[str], stays: Stays, send: Send) -> None:
    pending: asyncio.Future[str] | None = None
    try:
        await _send(send, "retry: 2000\n\n")
        loop = asyncio.get_running_loop()
        end = loop.time() + _LONGEST
        while loop.time() < end:
            pending = pending or asyncio.ensure_future(anext(source))
            done, _ = await asyncio.wait([pending], timeout=HEARTBEAT)
            if not stays():
                break
            if not done:
                await _send(send, ": still here\n\n")
                continue
            text, pending = pending.result(), None
            await _send(send, text)
    except (StopAsyncIteration, TimeoutError, OSError):
        pass  # it ended, or its reader is too slow, or has gone
    finally:
        if pending is not None:
            pending.cancel()
            await asyncio.wait([pending])
        if hasattr(source, "aclose"):
            await source.aclose()


def _always() -> bool:
    return True


async def _send(send: Send, text: str) -> None:
    async with asyncio.timeout(_SLOWEST):
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
