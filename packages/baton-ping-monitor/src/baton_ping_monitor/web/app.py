"""The web application: pages for people, documents and metrics for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request

from baton_ping_monitor.web import api, health, login, pages, static
from baton_ping_monitor.web.access import Access
from baton_ping_monitor.web.authentication import Authenticator
from baton_ping_monitor.web.metrics import Metrics
from baton_ping_monitor.web.refusals import no_database, refuse
from baton_ping_monitor.web.security import (
    HostCheck,
    Prefix,
    SecurityHeaders,
    WholeBody,
    set_headers,
)
from baton_ping_monitor.web.sessions import SessionKeeper
from baton_ping_monitor.web.streams import Streams
from baton_ping_monitor.web.users import UsersFile

if TYPE_CHECKING:
    from starlette.responses import Response

    from baton_ping_monitor.services import Services


def make_app(services: Services) -> Starlette:
    """The application over *services*. What its endpoints find:

    - ``request.app.state.services``; ``.streams``, see :class:`Streams`
    - ``request.state.user``, a :class:`~baton_ping_monitor.web.users.User`, and
      ``request.state.csrf``, which a form sends back in the field ``csrf``, and a script in the
      header ``X-CSRF-Token``

    Raises ConfigurationError if the users file cannot be read.
    """
    web = services.settings.web
    authenticator = None
    if web.users_file is not None:
        authenticator = Authenticator(UsersFile(web.users_file), services.clock)
    sessions = SessionKeeper(services.sessions, services.clock)
    version = static.version_of()
    middleware = [
        Middleware(SecurityHeaders),
        Middleware(Prefix, web.prefix),
        *([Middleware(HostCheck, web.host)] if authenticator is None else []),
        Middleware(WholeBody),
        Middleware(Access, authenticator, sessions),
    ]
    app = Starlette(
        routes=[
            *login.routes(authenticator, sessions),
            *health.routes(),
            *api.routes(),
            *Metrics().routes(),
            static.mount(version),
            *pages.routes(),
        ],
        middleware=middleware,
        exception_handlers={
            HTTPException: _refused,
            SQLAlchemyError: _without_database,
            Exception: _failed,
        },
    )
    app.router.redirect_slashes = False
    app.state.services = services
    app.state.streams = Streams()
    app.state.error_page = pages.error_page
    app.state.static_version = version
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    return refuse(request, error.status_code, _text(error), error.headers)


def _text(error: HTTPException) -> str:
    match error.status_code:
        case 404 if error.detail == "Not Found":
            return "There is nothing at this address."
        case 405:
            return "This cannot be done to this address."
    return error.detail


async def _without_database(request: Request, error: Exception) -> Response:
    assert isinstance(error, SQLAlchemyError)  # noqa: S101
    return no_database(request, error)


async def _failed(request: Request, _: Any) -> Response:
    """What nobody expected; it is in the log, too."""
    answer = refuse(request, 500, "Something went wrong. The log of the monitor says what.")
    set_headers(answer.headers)
    return answer
