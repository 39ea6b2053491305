"""Which document is where. The OpenAPI document says the same, and a test holds them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Mount, Route, Router

from baton_ping_monitor.web.api import actions, description, fleet, outputs, runs

if TYPE_CHECKING:
    from starlette.routing import BaseRoute


def routes() -> list[BaseRoute]:
    """All that is below ``/api``."""
    return [
        Mount(
            "/api",
            name="api",
            app=Router(
                redirect_slashes=False,
                routes=[
                    Route("/openapi.json", description.show, name="openapi"),
                    Route("/fleet", fleet.summary, name="fleet"),
                    Route("/servers", fleet.servers, name="servers"),
                    Route("/servers/{fqdn}", fleet.server, name="server"),
                    Route(
                        "/servers/{fqdn}/maintenance",
                        actions.maintenance,
                        methods=["POST", "DELETE"],
                        name="maintenance",
                    ),
                    Route(
                        "/servers/{fqdn}/retirement",
                        actions.retirement,
                        methods=["POST", "DELETE"],
                        name="retirement",
                    ),
                    Route("/incidents", fleet.incidents, name="incidents"),
                    Route("/runs", runs.kept_or_begun, methods=["GET", "POST"], name="runs"),
                    Route("/runs/{run_id}", runs.one, name="run"),
                    Route("/replies/{message_id}", outputs.replies, name="replies"),
                    Route("/events", outputs.events, name="events"),
                ],
            ),
        )
    ]
