"""Logging in and out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse
from starlette.routing import Route

from baton.text import excerpt
from baton_ping_monitor.web.access import address_of, too_many
from baton_ping_monitor.web.authentication import Authenticator, TooManyAttempts
from baton_ping_monitor.web.links import local_path, path_for, prefix_of
from baton_ping_monitor.web.pages import login_page
from baton_ping_monitor.web.sessions import (
    SESSION,
    SessionKeeper,
    cookie_of,
    delete_cookie,
    set_cookie,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

logger = logging.getLogger(__name__)


def routes(authenticator: Authenticator | None, sessions: SessionKeeper) -> list[BaseRoute]:
    """The routes ``login`` and ``logout``."""
    login = Login(authenticator, sessions)
    return [
        Route("/login", login.show, name="login", methods=["GET"]),
        Route("/login", login.take, methods=["POST"]),
        Route("/logout", login.end, name="logout", methods=["POST"]),
    ]


class Login:
    """Takes a user and a password (fields ``user``, ``password``), and gives a session."""

    def __init__(self, authenticator: Authenticator | None, sessions: SessionKeeper) -> None:
        self._authenticator = authenticator
        self._sessions = sessions

    async def show(self, request: Request) -> Response:
        """The form."""
        if self._authenticator is None:
            return RedirectResponse(_home(request), 303)
        return _form(request, request.query_params.get("next", ""))

    async def take(self, request: Request) -> Response:
        """Log in, and go where they wanted to."""
        if self._authenticator is None:
            return RedirectResponse(_home(request), 303)
        async with request.form(max_files=0) as form:
            name, password, target = (
                str(form.get(each, "")) for each in ("user", "password", "next")
            )
        try:
            user = await self._authenticator.by_password(name, password, address_of(request))
        except TooManyAttempts as error:
            return too_many(request, error)
        account = None if user is None else self._authenticator.account(user.name)
        if user is None or account is None:
            return _form(request, target, name, "The name or the password is wrong.", status=401)
        previous = cookie_of(request, SESSION)
        if previous is not None:
            await self._sessions.end(previous)
        response = RedirectResponse(local_path(target, _home(request)), 303)
        set_cookie(request, response, SESSION, await self._sessions.begin(account))
        logger.info("%s logged in, from %s", user.name, excerpt(address_of(request), 64))
        return response

    async def end(self, request: Request) -> Response:
        """Log out."""
        token = cookie_of(request, SESSION)
        if token is not None:
            await self._sessions.end(token)
        target = _home(request) if self._authenticator is None else path_for(request, "login")
        response = RedirectResponse(target, 303)
        delete_cookie(request, response, SESSION)
        response.headers["Clear-Site-Data"] = '"cache"'
        return response


def _home(request: Request) -> str:
    return f"{prefix_of(request)}/"


def _form(
    request: Request, target: str, user: str = "", trouble: str = "", status: int = 200
) -> Response:
    return login_page(
        request, next=local_path(target, ""), user=user[:64], trouble=trouble, status=status
    )
