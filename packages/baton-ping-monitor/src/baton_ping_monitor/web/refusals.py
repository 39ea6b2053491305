"""Answers that say no: a document to a program, a page to a person."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse, PlainTextResponse

from baton_ping_monitor.store.database import reason
from baton_ping_monitor.web.links import path_of

if TYPE_CHECKING:
    from sqlalchemy.exc import SQLAlchemyError
    from starlette.requests import Request
    from starlette.responses import Response

logger = logging.getLogger(__name__)

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


def no_database(request: Request, error: SQLAlchemyError) -> Response:
    """Nothing can be said for now: the database does not answer."""
    why = reason(error)
    logger.warning("The database does not answer: %s", why)
    message = "The database does not answer. The log of the monitor says why."
    if request.state.user is not None:
        message = f"The database does not answer: {why}."
    return refuse(request, 503, message, {"Retry-After": "5"})


def _plain(_: Request, status: int, message: str) -> Response:
    return PlainTextResponse(message, status)
