"""Ping now: whom, and how long to wait."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from starlette.responses import RedirectResponse

from baton.errors import BatonError
from baton_ping_monitor.web.listing import apps_of
from baton_ping_monitor.web.rendering import link, render
from baton_ping_monitor.web.words import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from baton_ping_monitor.fleet.view import FleetView
    from baton_ping_monitor.services import Services

LONGEST: Final = 600.0
"""Seconds to wait at most."""
_SUGGESTED: Final = 1000
_MOST_TARGETS: Final = 100


async def ping_page(request: Request) -> Response:
    """``GET /ping``: the form, with ``target`` filled in."""
    target = request.query_params.get("target", "")
    return _form(request, target[:1000], "5")


async def begin(request: Request) -> Response:
    """``POST /ping``: ping ``targets``, wait ``timeout`` seconds; then to the run's page."""
    services: Services = request.app.state.services
    async with request.form(max_files=0) as form:
        text, seconds = str(form.get("targets", "")), str(form.get("timeout", ""))
    targets = list(dict.fromkeys(text.replace(",", " ").split()))
    trouble = _trouble(targets, seconds)
    if not trouble:
        try:
            run = await services.pings.begin(targets, float(seconds), request.state.user.name)
        except BatonError as error:
            trouble = str(error)
        else:
            return RedirectResponse(link(request, "run", id=run), 303)
    return _form(request, text[:1000], seconds[:20], trouble)


def _form(request: Request, targets: str, seconds: str, trouble: str = "") -> Response:
    services: Services = request.app.state.services
    view = services.fleet.view()
    return render(
        request,
        "ping.html",
        status=400 if trouble else 200,
        fleet=view,
        targets=targets,
        seconds=seconds,
        problem=trouble,
        suggestions=_first(_suggestions(view), _SUGGESTED),
        longest=LONGEST,
    )


def _suggestions(view: FleetView) -> Iterator[str]:
    """What can be pinged: everybody, environments, apps in them, servers."""
    yield "*"
    yield from (it.name for it in view.environments if it.name)
    members = defaultdict(list)
    for server in view.servers:
        members[server.environment].append(server)
    for it in view.environments:
        yield from (f"{app}.{it.name}" for app in apps_of(members[it.name]))
    yield from (server.fqdn for server in view.servers)


def _first(names: Iterator[str], most: int) -> list[str]:
    """So many of the names at most, each once."""
    found: dict[str, None] = {}
    for name in names:
        found[name] = None
        if len(found) == most:
            break
    return list(found)


def _trouble(targets: list[str], seconds: str) -> str:
    if not targets:
        return "Say whom to ping: an environment, <app>.<environment>, the name of a server, or *."
    if len(targets) > _MOST_TARGETS:
        return f"That are {len(targets)} targets; {_MOST_TARGETS} are allowed."
    try:
        number = float(seconds)
    except ValueError:
        number = math.nan
    if not 0 < number <= LONGEST:
        return f"The deadline is a number of seconds, {LONGEST:g} at most, not {quoted(seconds)}."
    return ""
