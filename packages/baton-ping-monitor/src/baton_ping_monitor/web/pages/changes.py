"""What operators do to servers: maintenance, and retiring them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from baton_ping_monitor.web import words
from baton_ping_monitor.web.listing import Query
from baton_ping_monitor.web.rendering import link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

    from baton_ping_monitor.services import Services

LONGEST: Final = 90 * 24
"""Hours of maintenance at most."""
_MOST_SERVERS: Final = 20_000
_DONE: Final = {
    "maintain": "{} in maintenance.",
    "end": "Maintenance of {} has ended.",
    "retire": "{} retired: not pinged for, not counted, and kept in the list of those retired.",
    "return": "{} back from retirement.",
}
"""What there is to do, and what is said when it was done."""


async def change(request: Request) -> Response:
    """``POST /servers``: do ``action`` to each ``fqdn``, or with ``all`` to all servers that
    ``query`` finds; then back to the page. ``hours`` is how long maintenance lasts."""
    form = await request.form(max_files=0, max_fields=_MOST_SERVERS)
    services: Services = request.app.state.services
    action = _text(form, "action")
    if action not in _DONE:
        raise HTTPException(400, f"There is nothing to do that is called {words.quoted(action)}")
    query = _query(form)
    fqdns = _servers(form, query, services)
    if not fqdns:
        raise HTTPException(400, "No server was chosen: tick those that are meant")
    number = _perform(services, action, fqdns, form, request.state.user.name)
    return RedirectResponse(_back(request, form, query, action, number), 303)


def notice(request: Request) -> str:
    """What to say on the page that somebody came back to; empty if nothing was done."""
    sentence = _DONE.get(request.query_params.get("did", ""))
    number = request.query_params.get("number", "")
    if sentence is None or not (number.isascii() and number.isdecimal() and len(number) < 7):
        return ""
    return sentence.format(words.plural(int(number), "server"))


def _perform(services: Services, action: str, fqdns: Sequence[str], form: FormData, by: str) -> int:
    match action:
        case "maintain":
            until = services.clock() + _hours(_text(form, "hours")) * 3600
            return services.fleet.maintain(fqdns, until, by)
        case "end":
            return services.fleet.maintain(fqdns, None, by)
        case _:
            return services.fleet.retire(fqdns, by, retired=action == "retire")


def _query(form: FormData) -> Query:
    try:
        return Query.parse(parse_qsl(_text(form, "query"), max_num_fields=100))
    except ValueError:
        raise HTTPException(400, "The query has more than a hundred fields") from None


def _servers(form: FormData, query: Query, services: Services) -> list[str]:
    if _text(form, "all"):
        return [server.fqdn for server in query.select(services.fleet.view().servers)]
    return [value for value in form.getlist("fqdn") if isinstance(value, str)]


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 < hours <= LONGEST:
        raise HTTPException(
            400, f"Maintenance lasts a number of hours, {LONGEST} at most, not {words.quoted(text)}"
        )
    return hours


def _back(request: Request, form: FormData, query: Query, action: str, number: int) -> str:
    did = f"did={action}&number={number}"
    server = _text(form, "server")
    if server:
        return f"{link(request, 'server', fqdn=server)}?{did}"
    encoded = query.encode()
    return f"{link(request, 'fleet')}?{encoded + '&' if encoded else ''}{did}"


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
