"""The page of one server: how it is, how it was, and what it says of itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException

from baton_ping_monitor.fleet.view import ServerView, State
from baton_ping_monitor.store.records import EventFilter, Span
from baton_ping_monitor.web.charts.band import state_band
from baton_ping_monitor.web.charts.latency import latency_chart
from baton_ping_monitor.web.facts import fact_tree
from baton_ping_monitor.web.pages.changes import notice
from baton_ping_monitor.web.pages.events import PREVIEW, body_text
from baton_ping_monitor.web.rendering import render
from baton_ping_monitor.web.words import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from baton_ping_monitor.services import History, Services
    from baton_ping_monitor.store.records import Event, Point, ServerRecord, Transition

SECONDS: Final = {Span.HOUR: 3600, Span.DAY: 86_400, Span.WEEK: 604_800, Span.QUARTER: 7_776_000}
"""How long a span is."""
_SHORTEST: Final = 300.0
_TRANSITIONS: Final = 500
_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class Past:
    """What the store has of a server."""

    record: ServerRecord | None
    points: Sequence[Point]
    transitions: Sequence[Transition]
    errors: Sequence[Event]
    events: Sequence[Event]


async def server_page(request: Request) -> Response:
    """``GET /servers/{fqdn}``, with ``span`` as far back as its charts go."""
    services: Services = request.app.state.services
    fqdn = request.path_params["fqdn"]
    span = _span(request.query_params.get("span", ""))
    now = services.clock()
    server = services.fleet.server(fqdn)
    past = await asyncio.to_thread(_past, services.history, fqdn, span, now)
    if server is None and past.record is not None:
        server = _as_kept(past.record)
    if server is None:
        raise HTTPException(404, f"No server is known that is called {quoted(fqdn)}.")
    start = _start(past, span, now)
    record = past.record
    return render(
        request,
        "server.html",
        server=server,
        past=past,
        span=span,
        spans=list(Span),
        start=start,
        now=now,
        chart=latency_chart(past.points, start, now),
        band=state_band(past.transitions, server.state.value, start, now, server.first_seen),
        states={state.value: state for state in State},
        facts=fact_tree(record.facts) if record and record.facts else (),
        notice=notice(request),
        listed=_LISTED,
        body_text=body_text,
        preview=PREVIEW,
    )


def _past(history: History, fqdn: str, span: Span, now: float) -> Past:
    return Past(
        history.server(fqdn),
        history.points(fqdn, span, now),
        history.transitions(fqdn, now - SECONDS[span], _TRANSITIONS),
        history.events(EventFilter(kind="error", fqdn=fqdn), 5),
        history.events(EventFilter(fqdn=fqdn), _LISTED),
    )


def _start(past: Past, span: Span, now: float) -> float:
    """Where charts begin. Of the shortest span only so much is shown as there is, so that what
    began a moment ago is more than a stroke at the edge."""
    start = now - SECONDS[span]
    if span is not Span.HOUR or not past.points:
        return start
    return max(start, min(past.points[0].at, now - _SHORTEST))


def _span(text: str) -> Span:
    try:
        return Span(text)
    except ValueError:
        return Span.HOUR


def _as_kept(record: ServerRecord) -> ServerView:
    """A server of which only the store knows any more."""
    known = {state.value: state for state in State}
    return ServerView(
        fqdn=record.fqdn,
        environment=record.environment,
        app_names=record.app_names,
        state=State.RETIRED if record.is_retired else known.get(record.state, State.QUIET),
        since=record.since,
        first_seen=record.first_seen,
        last_pong=record.last_pong,
        is_expected=record.is_expected,
        maintenance_until=record.maintenance_until,
    )
