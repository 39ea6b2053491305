"""Which page is where."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from baton_ping_monitor.web.live import Live
from baton_ping_monitor.web.pages.changes import change
from baton_ping_monitor.web.pages.events import EventPage, EventsPage
from baton_ping_monitor.web.pages.fleet import FleetPage
from baton_ping_monitor.web.pages.incidents import IncidentsPage, test_alerts
from baton_ping_monitor.web.pages.ping import PingPage, begin
from baton_ping_monitor.web.pages.runs import DifferencePage, RunPage, RunsPage
from baton_ping_monitor.web.pages.server import ServerPage
from baton_ping_monitor.web.rendering import Renderer


def routes(renderer: Renderer, live: Live) -> list[BaseRoute]:
    """The pages, their forms, and the stream that keeps them live. Their names are what
    ``url_for`` takes."""
    return [
        _get("/", FleetPage(renderer), "fleet"),
        _get("/live", live, "live"),
        Route("/servers", change, methods=["POST"], name="change"),
        _get("/servers/{fqdn:path}", ServerPage(renderer), "server"),
        _get("/ping", PingPage(renderer), "ping"),
        Route("/ping", begin, methods=["POST"], name="begin"),
        _get("/runs", RunsPage(renderer), "runs"),
        _get("/runs/diff", DifferencePage(renderer), "difference"),
        _get("/runs/{id}", RunPage(renderer), "run"),
        _get("/events", EventsPage(renderer), "events"),
        _get("/events/{id:int}", EventPage(renderer), "event"),
        _get("/incidents", IncidentsPage(renderer), "incidents"),
        Route("/incidents/test", test_alerts, methods=["POST"], name="test_alerts"),
    ]
