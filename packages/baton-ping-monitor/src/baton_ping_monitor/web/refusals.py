"""Answers that say no: a document to a program, a page to a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse, PlainTextResponse

from baton_ping_monitor.web.links import path_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

ErrorPage = Callable[["Request", int, str], "Response"]
"""Makes a page that says no; an application has one in ``app.state.error_page``."""

_FOR_PROGRAMS: Final = ("/api", "/metrics", "/healthz", "/readyz")


def is_for_programs(path: str) -> bool:
    """Whether what is at *path*, without the prefix, is for programs and no page."""
    return any(path == each or path.startswith(f"{each}/") for each in _FOR_PROGRAMS)


def refuse(
    request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Say no to *request*: ``{"error": message}``, or a page that says so."""
    if is_for_programs(path_of(request)):
        return JSONResponse({"error": message}, status, headers)
    for name, value in {"user": None, "csrf": ""}.items():
        if not hasattr(request.state, name):  # it may be refused before that is known
            setattr(request.state, name, value)
    make: ErrorPage = getattr(request.app.state, "error_page", _plain)
    response = make(request, status, message)
    response.headers.update(headers or {})
    return response


def _plain(_: Request, status: int, message: str) -> Response:
    return PlainTextResponse(message, status)
