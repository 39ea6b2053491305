"""Pages from templates: what every template can use, and what every page is given."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from baton_ping_monitor.fleet.view import State
from baton_ping_monitor.web import words
from baton_ping_monitor.web.charts.bar import stacked
from baton_ping_monitor.web.charts.sparkline import sparkline
from baton_ping_monitor.web.links import path_for, path_of, static_path
from baton_ping_monitor.web.listing import slug

if TYPE_CHECKING:
    from starlette.requests import Request

    from baton_ping_monitor.services import Services

TROUBLE: Final = (State.MISSING, State.NEVER_SEEN)
"""The states of a server that should be there and is not."""


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """The page that *template* makes of *context*, and of what all pages are given.

    What is known of the fleet is told only to those who may see it: the page of somebody who is
    not logged in is rendered without.
    """
    services: Services = request.app.state.services
    user = getattr(request.state, "user", None)
    shared = {
        "request": request,
        "link": partial(link, request),
        "static": partial(static_path, request),
        "path": path_of(request),
        "user": user,
        "may_operate": user is not None and user.may_operate,
        "csrf": getattr(request.state, "csrf", ""),
        "fleet": None,
        "trouble": "",
        "now": services.clock(),
        "is_still": status >= 400,
    }
    if user is not None:
        shared["trouble"] = services.health.trouble
        if "fleet" not in context:
            shared["fleet"] = services.fleet.view()
    content = environment().get_template(template).render(shared | context)
    return HTMLResponse(content, status)


def link(request: Request, name: str, /, **parameters: Any) -> str:
    """The path of a page, below whatever prefix there is. Parameters may be anything."""
    return path_for(request, name, **parameters)


def number_missing(counts: Mapping[State, int]) -> int:
    """How many servers should be there and are not."""
    return sum(counts.get(state, 0) for state in TROUBLE)


@cache
def environment() -> Environment:
    """What the templates are read with, once: undefined names are errors, and whatever is inserted
    is escaped."""
    made = Environment(
        loader=PackageLoader("baton_ping_monitor.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        duration=words.duration,
        factor=words.factor,
        latency=words.latency,
        moment=words.moment,
        iso=words.iso,
        number=words.number,
        path=partial(quote, safe=""),
        slug=slug,
    )
    made.globals.update(
        State=State,
        frozenset=frozenset,
        ago=words.ago,
        number_missing=number_missing,
        plural=words.plural,
        sparkline=sparkline,
        stacked=stacked,
    )
    return made
