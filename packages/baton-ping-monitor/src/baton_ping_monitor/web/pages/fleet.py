"""The fleet page: who is there, at a glance and in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton_ping_monitor.fleet.view import State
from baton_ping_monitor.web.listing import NOWHERE, Query, apps_of, paginate
from baton_ping_monitor.web.pages.changes import notice
from baton_ping_monitor.web.rendering import link, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from baton_ping_monitor.services import Services

COLUMNS = (
    ("state", "State", False),
    ("server", "Server", False),
    ("environment", "Environment", False),
    ("", "Apps", False),
    ("pong", "Last pong", True),
    ("latency", "Latency", True),
    ("flaps", "Flaps", True),
    ("errors", "Errors", True),
)
"""The columns of the list: what to sort by, the heading, and whether the greatest comes first."""
MOST_ENVIRONMENTS = 24
"""Environments that have a card of their own."""

MOST_CHOICES = 1000
"""Environments, or apps, that a filter offers."""


async def fleet_page(request: Request) -> Response:
    """``GET /``: counts, incidents, environments, and the servers that the query asks for."""
    services: Services = request.app.state.services
    view = services.fleet.view()
    query = Query.parse(request.query_params.multi_items())
    return render(
        request,
        "fleet.html",
        fleet=view,
        query=query,
        page=paginate(query.select(view.servers), query.page),
        apps=_choices(apps_of(view.servers), query.app),
        choices=_choices([it.name or NOWHERE for it in view.environments], query.environment),
        columns=COLUMNS,
        nowhere=NOWHERE,
        environments=view.environments[:MOST_ENVIRONMENTS],
        hidden_environments=max(0, len(view.environments) - MOST_ENVIRONMENTS),
        server_base=link(request, "server", fqdn="-").removesuffix("-"),
        counts=[(state, view.counts.get(state, 0)) for state in State],
        notice=notice(request),
    )


def _choices(names: Sequence[str], chosen: str) -> list[str]:
    """What a filter offers: so many of the names at most, and the one that is chosen, whether
    there is such a one or not."""
    offered = list(names[:MOST_CHOICES])
    return offered if not chosen or chosen in offered else [*offered, chosen]
