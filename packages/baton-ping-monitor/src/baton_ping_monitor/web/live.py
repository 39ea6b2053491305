"""Telling open pages that something changed: server-sent events, at most one a second.

An event carries little: how many servers are in which state, whether the monitor is blind, and a
revision. A page that wants more asks for itself again.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from baton_ping_monitor.web.listing import slug
from baton_ping_monitor.web.rendering import number_missing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from baton_ping_monitor.services import Services

PAUSE: Final = 1.0
"""Seconds between two events at least."""
HEARTBEAT: Final = 10.0
"""Seconds after which an event comes although nothing changed: the page knows that we live."""
MOST: Final = 500
"""Streams at the same time."""


class Live:
    """``GET /live``: a stream of how the fleet is. The id of an event is its revision; one that
    begins again is told at once if it missed anything, and says so if it did not."""

    def __init__(self) -> None:
        self._open = 0
        self._latest: tuple[int, str] | None = None

    @property
    def open(self) -> int:
        """How many pages listen."""
        return self._open

    async def __call__(self, request: Request) -> Response:
        if self._open >= MOST:
            raise HTTPException(503, f"{MOST} pages are open already", {"Retry-After": "30"})
        services: Services = request.app.state.services
        return StreamingResponse(
            self._events(services),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _events(self, services: Services) -> AsyncIterator[str]:
        self._open += 1
        try:
            yield "retry: 2000\n\n"
            while True:
                revision = services.updates.revision
                yield f"id: {revision}\ndata: {self._document(services, revision)}\n\n"
                await asyncio.sleep(PAUSE)
                try:
                    async with asyncio.timeout(HEARTBEAT - PAUSE):
                        await services.updates.beyond(revision)
                except TimeoutError:
                    pass
        finally:
            self._open -= 1

    def _document(self, services: Services, revision: int) -> str:
        """How the fleet is, made once for all that listen."""
        now = services.clock()
        if self._latest is None or self._latest[0] != revision:
            view = services.fleet.view()
            blindness = view.blindness
            document = {
                "missing": number_missing(view.counts),
                "counts": {slug(state): count for state, count in view.counts.items()},
                "incidents": len(view.incidents),
                "blind_since": blindness.since if blindness else None,
                "last_output": view.last_output,
            }
            self._latest = revision, json.dumps(document)
        return f'{{"revision": {revision}, "now": {now:.3f}, {self._latest[1][1:]}'
