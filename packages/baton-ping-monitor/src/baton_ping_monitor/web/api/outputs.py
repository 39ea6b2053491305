"""Outputs as they were kept: those that answer a command, and the stream of all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from baton_ping_monitor.store.records import Event, EventFilter
from baton_ping_monitor.web.api import documents
from baton_ping_monitor.web.api.parameters import check_names, text, whole, whole_number
from baton_ping_monitor.web.streams import Streams, sse

if TYPE_CHECKING:
    from starlette.requests import Request

    from baton_ping_monitor.services import Services

_BODIES: Final = 12 * 1024 * 1024
"""Bytes of bodies in a document: requesters refuse one of more than 16 MiB."""
_AT_ONCE: Final = 500
"""Outputs that are read from the store at a time."""
_PAUSE: Final = 0.25
"""Seconds between two looks at the store, however much comes meanwhile."""
_FILTERS: Final = ("type", "server", "extension", "q", "after")


async def replies(request: Request) -> Response:
    """``GET /api/replies/{message_id}``: what was seen of a command."""
    check_names(request, ())
    services: Services = request.app.state.services
    message_id = request.path_params["message_id"]
    found = await asyncio.to_thread(services.history.replies, message_id.replace("\0", ""))
    if not found:
        raise HTTPException(404, "Nothing was seen of a command of that id.")
    return Response(await asyncio.to_thread(_replies, found), media_type="application/json")


def _replies(events: Sequence[Event]) -> bytes:
    parts, size = [], 0
    for event in events:
        size += len(event.observation.body)
        parts.append(json.dumps(documents.of_reply(event, with_body=size <= _BODIES)))
    return f'{{"replies": [{",".join(parts)}]}}'.encode()


async def events(request: Request) -> Response:
    """``GET /api/events``: a stream of outputs as they come; those after ``after``, or the header
    ``Last-Event-ID``, first. Who accepts JSON alone is given the latest that were kept."""
    if _wants_json(request):
        return await _page(request)
    check_names(request, _FILTERS)
    services: Services = request.app.state.services
    streams: Streams = request.app.state.streams
    which = _which(request)
    last = request.headers.get("last-event-id")
    if last:
        which = replace(which, after=whole_number(last, "Last-Event-ID"))
    return streams.respond(request, _follow(services, which))


async def _page(request: Request) -> Response:
    check_names(request, (*_FILTERS, "before", "limit"))
    limit = whole(request, "limit", 100, least=1, most=1000) or 1
    which = replace(_which(request), before=whole(request, "before", None))
    services: Services = request.app.state.services
    found = await asyncio.to_thread(services.history.events, which, limit)
    size, listed = 0, []
    for event in found:
        size += len(event.observation.body)
        listed.append(documents.of_event(event, with_body=size <= _BODIES))
    return JSONResponse({"events": listed})


async def _follow(services: Services, which: EventFilter) -> AsyncIterator[str]:
    """What is kept from now on, or from the id in *which* on, as server-sent events."""
    cursor = which.after
    if cursor is None:
        cursor = await _newest(services)
    while True:
        revision = services.updates.revision
        newest = await _newest(services)
        if newest > cursor:
            wanted = replace(which, after=cursor)
            found = await asyncio.to_thread(services.history.events, wanted, _AT_ONCE)
            for event in found:
                yield sse(documents.of_event(event), event="output", id=event.id)
            last = found[-1].id if found else cursor
            # What does not match up to the newest need not be looked at again.
            cursor = last if len(found) == _AT_ONCE else max(last, newest)
            if len(found) == _AT_ONCE:
                continue
        await asyncio.sleep(_PAUSE)
        await services.updates.beyond(revision)


async def _newest(services: Services) -> int:
    found = await asyncio.to_thread(services.history.events, EventFilter(), 1)
    return found[0].id if found else 0


def _which(request: Request) -> EventFilter:
    return EventFilter(
        kind=text(request, "type"),
        fqdn=text(request, "server"),
        extension=text(request, "extension"),
        text=text(request, "q"),
        after=whole(request, "after", None),
    )


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/event-stream" not in accepted
