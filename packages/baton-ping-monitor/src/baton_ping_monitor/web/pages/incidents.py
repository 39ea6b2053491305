"""Incidents, and where alerts of them go."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from starlette.responses import RedirectResponse

from baton_ping_monitor.web.rendering import link, render

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from baton_ping_monitor.services import Services

_LISTED: Final = 200
_REMEMBERED: Final = 20
"""Tests of which it is known what became of them."""


class Incidents:
    """The page, and the test that it has a button for."""

    def __init__(self) -> None:
        self._outcomes: OrderedDict[str, str] = OrderedDict()

    async def show(self, request: Request) -> Response:
        """``GET /incidents``: those that go on, and those that were; with ``test``, also what
        became of that test."""
        services: Services = request.app.state.services
        view = services.fleet.view()
        kept = await asyncio.to_thread(services.history.incidents, _LISTED)
        going_on = {incident.id for incident in view.incidents}
        outcome = self._outcomes.get(request.query_params.get("test", ""))
        return render(
            request,
            "incidents.html",
            fleet=view,
            past=[incident for incident in kept if incident.id not in going_on],
            destinations=services.alerts.destinations,
            is_dry=services.alerts.is_dry,
            tested=outcome is not None,
            problem=outcome or "",
        )

    async def test(self, request: Request) -> Response:
        """``POST /incidents/test``: send a message to each destination; then to the page that says
        what became of it, which can be asked for again as any other."""
        services: Services = request.app.state.services
        outcome = await services.alerts.test(request.state.user.name)
        test = secrets.token_urlsafe(8)
        self._outcomes[test] = outcome
        if len(self._outcomes) > _REMEMBERED:
            self._outcomes.popitem(last=False)
        return RedirectResponse(f"{link(request, 'incidents')}?test={test}", 303)
