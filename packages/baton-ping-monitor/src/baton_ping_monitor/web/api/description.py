"""The OpenAPI document of the JSON API. It is kept by hand, in ``openapi.yaml`` beside this."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from starlette.responses import JSONResponse

from baton_ping_monitor import __version__
from baton_ping_monitor.web.api.parameters import check_names
from baton_ping_monitor.web.links import prefix_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_FILE: Final = Path(__file__).with_name("openapi.yaml")


@functools.cache
def document() -> dict[str, Any]:
    """The document, for an application without a prefix."""
    import yaml  # noqa: PLC0415

    found = cast("dict[str, Any]", yaml.safe_load(_FILE.read_text(encoding="utf-8")))
    return {**found, "info": {**found["info"], "version": __version__}}


async def show(request: Request) -> Response:
    """``GET /api/openapi.json``."""
    check_names(request, ())
    return JSONResponse({**document(), "servers": [{"url": prefix_of(request) or "/"}]})
