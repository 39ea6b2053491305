"""What operators do to a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from baton_ping_monitor.web.access import operators
from baton_ping_monitor.web.api import documents
from baton_ping_monitor.web.api.parameters import body, check_names, seconds

if TYPE_CHECKING:
    from starlette.requests import Request

    from baton_ping_monitor.services import Services

LONGEST: Final = 90 * 86_400.0
"""Seconds of maintenance at most."""


@operators
async def maintenance(request: Request) -> Response:
    """``POST /api/servers/{fqdn}/maintenance`` for some ``seconds``; ``DELETE`` ends it."""
    check_names(request, ())
    services: Services = request.app.state.services
    until = None
    if request.method == "POST":
        fields = await body(request, ("seconds",))
        until = services.clock() + seconds(fields, "seconds", None, LONGEST)
    fqdn = request.path_params["fqdn"]
    return _done(services, fqdn, services.fleet.maintain([fqdn], until, request.state.user.name))


@operators
async def retirement(request: Request) -> Response:
    """``POST /api/servers/{fqdn}/retirement`` retires it; ``DELETE`` takes that back."""
    check_names(request, ())
    services: Services = request.app.state.services
    await body(request, ())
    fqdn = request.path_params["fqdn"]
    is_retired = request.method == "POST"
    number = services.fleet.retire([fqdn], request.state.user.name, retired=is_retired)
    return _done(services, fqdn, number)


def _done(services: Services, fqdn: str, number: int) -> Response:
    view = services.fleet.server(fqdn)
    if number == 0 or view is None:
        raise HTTPException(404, "No server of that name is known.")
    return JSONResponse(documents.of_server(view))
