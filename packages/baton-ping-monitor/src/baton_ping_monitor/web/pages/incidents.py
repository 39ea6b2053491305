"""Incidents, and where alerts of them go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from baton_ping_monitor.web.rendering import render

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from baton_ping_monitor.services import Services

_LISTED: Final = 200


async def incidents_page(request: Request) -> Response:
    """``GET /incidents``: those that go on, and those that were."""
    return await _page(request)


async def test_alerts(request: Request) -> Response:
    """``POST /incidents/test``: send a message to each destination, and say what became of it."""
    services: Services = request.app.state.services
    trouble = await services.alerts.test(request.state.user.name)
    return await _page(request, tested=True, problem=trouble)


async def _page(request: Request, *, tested: bool = False, problem: str = "") -> Response:
    services: Services = request.app.state.services
    view = services.fleet.view()
    kept = await asyncio.to_thread(services.history.incidents, _LISTED)
    going_on = {incident.id for incident in view.incidents}
    return render(
        request,
        "incidents.html",
        fleet=view,
        past=[incident for incident in kept if incident.id not in going_on],
        destinations=services.alerts.destinations,
        is_dry=services.alerts.is_dry,
        tested=tested,
        problem=problem,
    )
