"""Which page is where."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from baton_ping_monitor.web.access import operators
from baton_ping_monitor.web.live import Live
from baton_ping_monitor.web.pages.changes import change
from baton_ping_monitor.web.pages.events import event_page, events_page
from baton_ping_monitor.web.pages.fleet import fleet_page
from baton_ping_monitor.web.pages.incidents import Incidents
from baton_ping_monitor.web.pages.ping import begin, ping_page
from baton_ping_monitor.web.pages.runs import difference_page, run_page, runs_page
from baton_ping_monitor.web.pages.server import server_page


def routes() -> list[BaseRoute]:
    """The pages, their forms, and the stream that keeps them live, by the names that links have."""
    incidents = Incidents()
    return [
        Route("/", fleet_page, name="fleet"),
        Route("/live", Live().begin, name="live"),
        Route("/servers", operators(change), name="change", methods=["POST"]),
        Route("/servers/{fqdn:path}", server_page, name="server"),
        Route("/ping", ping_page, name="ping"),
        Route("/ping", operators(begin), name="begin", methods=["POST"]),
        Route("/runs", runs_page, name="runs"),
        Route("/runs/diff", difference_page, name="difference"),
        Route("/runs/{id}", run_page, name="run"),
        Route("/events", events_page, name="events"),
        Route("/events/{id:int}", event_page, name="event"),
        Route("/incidents", incidents.show, name="incidents"),
        Route("/incidents/test", operators(incidents.test), name="test_alerts", methods=["POST"]),
    ]
