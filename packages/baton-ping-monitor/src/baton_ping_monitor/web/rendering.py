"""Pages from templates: what every template can use, and what every page is given."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from baton_ping_monitor.fleet.view import State
from baton_ping_monitor.web import words
from baton_ping_monitor.web.charts.bar import stacked
from baton_ping_monitor.web.charts.sparkline import sparkline
from baton_ping_monitor.web.listing import slug

if TYPE_CHECKING:
    from starlette.requests import Request

    from baton_ping_monitor.services import Services

TROUBLE: Final = (State.MISSING, State.NEVER_SEEN)
"""The states of a server that should be there and is not."""


class Renderer:
    """Renders the templates of this package. An application has one."""

    def __init__(self) -> None:
        # Undefined names are errors, and whatever is inserted is escaped.
        self._environment = Environment(
            loader=PackageLoader("baton_ping_monitor.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.loopcontrols"],
        )
        self._environment.filters.update(
            duration=words.duration,
            latency=words.latency,
            moment=words.moment,
            iso=words.iso,
            number=words.number,
            path=partial(quote, safe=""),
            slug=slug,
        )
        self._environment.globals.update(
            State=State,
            frozenset=frozenset,
            ago=words.ago,
            plural=words.plural,
            sparkline=sparkline,
            stacked=stacked,
        )

    def page(
        self, request: Request, template: str, status: int = 200, **context: Any
    ) -> HTMLResponse:
        """The page that *template* makes of *context*, and of what all pages are given.

        What is known of the fleet is told only to those who may see it: with users, the page of
        somebody who is not logged in is rendered without.
        """
        services: Services = request.app.state.services
        user = getattr(request.state, "user", None)
        content = self._environment.get_template(template).render(
            {
                "request": request,
                "path": request.url.path,
                "link": partial(link, request),
                "user": user,
                "may_operate": user is not None and user.may_operate,
                "csrf": getattr(request.state, "csrf", ""),
                "has_users": services.settings.web.users_file is not None,
                "fleet": services.fleet.view() if user is not None else None,
                "trouble": services.health.trouble if user is not None else "",
                "now": services.clock(),
                "number_missing": number_missing,
                **context,
            }
        )
        return HTMLResponse(content, status)


def link(request: Request, name: str, /, **parameters: Any) -> str:
    """The path of a page, below whatever prefix there is. Parameters may be anything."""
    quoted = {key: quote(str(value), safe="") for key, value in parameters.items()}
    if name == "static":
        quoted = parameters
    return request.url_for(name, **quoted).path


def number_missing(counts: Mapping[State, int]) -> int:
    """How many servers should be there and are not."""
    return sum(counts.get(state, 0) for state in TROUBLE)
