"""What the servers say: every output, the latest first."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from starlette.exceptions import HTTPException

from baton.text import printable
from baton_ping_monitor.store.records import EventFilter
from baton_ping_monitor.web.rendering import link, render

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response

    from baton_ping_monitor.services import Services

PAGE_SIZE: Final = 100
"""Events on a page."""
PREVIEW: Final = 4000
"""Characters of a body that the list shows."""
_LONGEST: Final = 1_000_000
"""Characters of an indented body."""
_ENCODER: Final = json.JSONEncoder(indent=2, ensure_ascii=False)
_TEXT_LIMIT: Final = 300
_GREATEST_ID: Final = 2**62


async def events_page(request: Request) -> Response:
    """``GET /events``: outputs that the filter lets through, the latest or those ``before`` one."""
    services: Services = request.app.state.services
    which = event_filter(request.query_params)
    events = await asyncio.to_thread(services.history.events, which, PAGE_SIZE + 1)
    shown = events[:PAGE_SIZE]
    older = ""
    if len(events) > PAGE_SIZE:
        older = f"{link(request, 'events')}?{_encode(which, before=shown[-1].id)}"
    latest = f"{link(request, 'events')}?{_encode(which)}".removesuffix("?")
    return render(
        request,
        "events.html",
        events=shown,
        which=which,
        extensions=services.settings.extensions,
        older=older,
        latest=latest,
        is_latest=which.before is None,
        body_text=body_text,
        preview=PREVIEW,
    )


async def event_page(request: Request) -> Response:
    """``GET /events/{id}``: one output, whole."""
    services: Services = request.app.state.services
    number = request.path_params["id"]
    if number > _GREATEST_ID:
        raise HTTPException(404, "No output of this number is kept.")
    which = EventFilter(before=number + 1)
    found = await asyncio.to_thread(services.history.events, which, 1)
    if not found or found[0].id != number:
        raise HTTPException(404, "This output is not kept, or not any more.")
    return render(request, "event.html", event=found[0], body_text=body_text)


def event_filter(params: QueryParams) -> EventFilter:
    """The filter of an address. What it cannot mean is passed over."""
    before = params.get("before", "")
    is_number = before.isascii() and before.isdecimal() and len(before) <= 18
    return EventFilter(
        kind=_value(params, "type"),
        fqdn=_value(params, "server"),
        extension=_value(params, "extension"),
        text=_value(params, "q"),
        before=int(before) if is_number else None,
    )


def body_text(body: str, most: int | None = None) -> str:
    """The JSON text of a body as people read it; what is none stays as it is. Of one longer than
    *most*, it may be no more than a little more than that.

    >>> print(body_text('{"type":"pong","n":[1]}'))
    {
      "type": "pong",
      "n": [
        1
      ]
    }
    """
    try:
        text = _indented(json.loads(body), most or _LONGEST)
    except (ValueError, RecursionError):
        text = body
    if most is None and len(text) > _LONGEST:
        text = body  # it would be mostly indentation
    # What was escaped in the text may be anything now.
    return "\n".join(printable(line) for line in text.split("\n"))


def _indented(value: object, most: int) -> str:
    """*value* as indented JSON, as soon as it is longer than *most* no more of it."""
    parts: list[str] = []
    length = 0
    for part in _ENCODER.iterencode(value):
        parts.append(part)
        length += len(part)
        if length > most:
            break
    return "".join(parts)


def _encode(which: EventFilter, before: int | None = None) -> str:
    pairs = {
        "type": which.kind,
        "server": which.fqdn,
        "extension": which.extension,
        "q": which.text,
        "before": before,
    }
    return urlencode({key: value for key, value in pairs.items() if value is not None})


def _value(params: QueryParams, name: str) -> str | None:
    return params.get(name, "").strip()[:_TEXT_LIMIT] or None
