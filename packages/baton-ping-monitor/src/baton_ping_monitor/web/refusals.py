"""Answers that say no: a document to a program, a page to a person."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, PlainTextResponse

from baton_ping_monitor.web.links import path_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_FOR_PROGRAMS: Final = ("/api", "/metrics", "/healthz", "/readyz")


def pages_if_there() -> Any:
    """The module of the pages."""
    try:
        return importlib.import_module("baton_ping_monitor.web.pages")
    except ModuleNotFoundError:
        return None


def is_for_programs(path: str) -> bool:
    """Whether what is at *path*, without the prefix, is for programs and no page."""
    return any(path == each or path.startswith(f"{each}/") for each in _FOR_PROGRAMS)


def refuse(
    request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Say no to *request*: ``{"error": message}``, or a page that says so."""
    if is_for_programs(path_of(request)):
        return JSONResponse({"error": message}, status, headers)
    request.scope.setdefault("state", {})
    for name, value in {"user": None, "csrf": ""}.items():
        request.scope["state"].setdefault(name, value)  # it may be refused before that is known
    pages = pages_if_there()
    if pages is None:
        return PlainTextResponse(message, status, headers)
    response: Response = pages.error_page(request, status, message)
    response.headers.update(headers or {})
    return response
