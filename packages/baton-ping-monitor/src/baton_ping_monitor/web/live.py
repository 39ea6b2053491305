"""Telling open pages that something changed: server-sent events, at most one a second.

An event carries little: how many servers are in which state, whether the monitor is blind, and a
revision. A page that wants more asks for itself again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from baton_ping_monitor.web.listing import slug
from baton_ping_monitor.web.rendering import number_missing
from baton_ping_monitor.web.streams import sse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from baton_ping_monitor.services import Services
    from baton_ping_monitor.web.streams import Streams

PAUSE: Final = 1.0
"""Seconds between two events at least."""
HEARTBEAT: Final = 10.0
"""Seconds after which an event comes although nothing changed: the page knows that we live."""


class Live:
    """``GET /live``: a stream of how the fleet is. The id of an event is its revision. The first
    event comes at once, so that a page that was away knows what it missed."""

    def __init__(self) -> None:
        self._latest: tuple[int, dict[str, Any]] | None = None

    async def begin(self, request: Request) -> Response:
        """Begin one."""
        services: Services = request.app.state.services
        streams: Streams = request.app.state.streams
        return streams.respond(request, self._events(services))

    async def _events(self, services: Services) -> AsyncIterator[str]:
        while True:
            revision = services.updates.revision
            yield sse(self._document(services, revision), id=revision)
            await asyncio.sleep(PAUSE)
            try:
                async with asyncio.timeout(HEARTBEAT - PAUSE):
                    await services.updates.beyond(revision)
            except TimeoutError:
                pass

    def _document(self, services: Services, revision: int) -> dict[str, Any]:
        """How the fleet is, made once for all that listen."""
        if self._latest is None or self._latest[0] != revision:
            view = services.fleet.view()
            document = {
                "missing": number_missing(view.counts),
                "counts": {slug(state): count for state, count in view.counts.items()},
                "incidents": len(view.incidents),
                "blind_since": view.blindness.since if view.blindness else None,
                "last_output": view.last_output,
            }
            self._latest = revision, document
        return {"revision": revision, "now": round(services.clock(), 3), **self._latest[1]}
