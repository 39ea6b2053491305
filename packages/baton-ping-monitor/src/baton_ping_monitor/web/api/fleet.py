"""Documents about the fleet as it is, and as it was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from baton_ping_monitor.store.records import Span
from baton_ping_monitor.web.api import documents
from baton_ping_monitor.web.api.parameters import check_names, choice, text, whole, wrong
from baton_ping_monitor.web.listing import COLUMNS, SLUGS, Query

if TYPE_CHECKING:
    from starlette.requests import Request

    from baton_ping_monitor.fleet.view import ServerView
    from baton_ping_monitor.services import Services

_PART: Final = 100
_MOST: Final = 100_000
_TRANSITIONS: Final = 200
_SORTS: Final = (*COLUMNS, *(f"-{name}" for name in COLUMNS))


async def summary(request: Request) -> Response:
    """``GET /api/fleet``: how many servers are in which state, incidents, and totals."""
    check_names(request, ())
    services: Services = request.app.state.services
    return JSONResponse(documents.of_fleet(services.fleet.view()))


async def servers(request: Request) -> Response:
    """``GET /api/servers``: those that are asked for, all by default but those retired."""
    check_names(request, ("state", "environment", "app", "q", "sort", "limit", "offset"))
    for each in request.query_params.getlist("state"):
        if each not in SLUGS:
            wrong(f"state must be one of {', '.join(SLUGS)}.")
    for name in ("environment", "app", "q"):
        text(request, name)
    choice(request, "sort", _SORTS, "state")
    limit = whole(request, "limit", None, least=1, most=_MOST)
    offset = whole(request, "offset", 0, most=_MOST) or 0
    services: Services = request.app.state.services
    view = services.fleet.view()
    found = Query.parse(request.query_params.multi_items()).select(view.servers)
    part = found[offset : None if limit is None else offset + limit]
    blind_since = None if view.blindness is None else view.blindness.since
    head = {"now": view.now, "blind_since": blind_since, "total": len(found)}
    # Ten thousand of them take a moment, in which pages are to be answered.
    return Response(await asyncio.to_thread(_list, head, part), media_type="application/json")


async def server(request: Request) -> Response:
    """``GET /api/servers/{fqdn}``: all that is known of it, and its history for a ``span``."""
    check_names(request, ("span",))
    span = Span(choice(request, "span", [each.value for each in Span], Span.DAY.value))
    services: Services = request.app.state.services
    fqdn = request.path_params["fqdn"]
    view = services.fleet.server(fqdn)
    if view is None:
        raise HTTPException(404, "No server of that name is known.")
    now = services.clock()
    kept, points, transitions = await asyncio.to_thread(
        lambda: (
            services.history.server(fqdn),
            services.history.points(fqdn, span, now),
            services.history.transitions(fqdn, 0.0, _TRANSITIONS),
        )
    )
    return JSONResponse(
        {
            **documents.of_server(view),
            "latencies": view.latencies,
            "facts": None if kept is None or kept.facts is None else dict(kept.facts),
            "facts_at": None if kept is None else kept.facts_at,
            "span": span.value,
            "points": [documents.of_point(each) for each in points],
            "transitions": [documents.of_transition(each) for each in transitions],
        }
    )


async def incidents(request: Request) -> Response:
    """``GET /api/incidents``: the latest first."""
    check_names(request, ("limit",))
    limit = whole(request, "limit", 100, least=1, most=1000) or 1
    services: Services = request.app.state.services
    found = await asyncio.to_thread(services.history.incidents, limit)
    return JSONResponse({"incidents": [documents.of_incident(each) for each in found]})


def _list(head: Mapping[str, Any], found: Sequence[ServerView]) -> bytes:
    # Some at a time: the interpreter can turn to something else between two parts.
    parts = (found[start : start + _PART] for start in range(0, len(found), _PART))
    listed = ",".join(json.dumps([documents.of_server(each) for each in p])[1:-1] for p in parts)
    return f'{json.dumps(head)[:-1]}, "servers": [{listed}]}}'.encode()
