"""Who asks, and whether they may: for each request, before any page or document is made.

Nothing has to remember to protect itself. Whatever changes something is refused to viewers, to
other sites' pages, and without the token that only our own pages know.
"""

from __future__ import annotations

import functools
import hmac
from base64 import b64decode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, quote, urlsplit

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from baton_ping_monitor.web import sessions as cookies
from baton_ping_monitor.web.authentication import Authenticator, TooManyAttempts
from baton_ping_monitor.web.links import path_for, path_of, prefix_of
from baton_ping_monitor.web.refusals import is_for_programs, no_database, refuse
from baton_ping_monitor.web.sessions import SESSION, VISITOR, SessionKeeper, csrf_of
from baton_ping_monitor.web.users import ANYBODY, User

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE: Final = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""
_PUBLIC: Final = ("/login", "/healthz", "/readyz")
_OWN: Final = ("/login", "/logout")
"""Where viewers may send something, too."""
_FIELDS: Final = 2000
"""Fields of a form."""


def operators(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Marks an endpoint that only operators may use; others are told so."""

    @functools.wraps(endpoint)
    async def guarded(request: Request) -> Response:
        if not request.state.user.may_operate:
            return _for_operators(request)
        return await endpoint(request)

    return guarded


@dataclass(frozen=True, slots=True)
class _Asking:
    """Who asks. ``token`` is what their forms are bound to; ``by_cookie`` says that the browser
    tells by itself who they are, whatever page made it ask."""

    user: User | None
    token: str | None = None
    by_cookie: bool = False
    is_new: bool = False


class Access:
    """Lets through who may; sets ``request.state.user``, ``request.state.csrf``, and
    ``request.state.stays``, which tells later whether the user is still who they were."""

    def __init__(
        self, app: ASGIApp, authenticator: Authenticator | None, sessions: SessionKeeper
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.user, request.state.csrf = None, ""
        try:
            asking = await self._who(request)
        except TooManyAttempts as error:
            await too_many(request, error)(scope, receive, send)
            return
        except SQLAlchemyError as error:
            await no_database(request, error)(scope, receive, send)
            return
        request.state.user = asking.user
        request.state.csrf = csrf_of(asking.token) if asking.token else ""
        request.state.stays = self._stays(asking.user)
        refusal = self._refusal(request, asking)
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and asking.token:
                response = Response()
                cookies.set_cookie(request, response, VISITOR, asking.token)
                cookie = response.headers["set-cookie"]
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self._app(scope, receive, send_with_cookie if asking.is_new else send)

    async def _who(self, request: Request) -> _Asking:
        if self._authenticator is None:
            return _visitor(request, ANYBODY)
        header = request.headers.get("authorization")
        if header is not None:
            return _Asking(await self._by_header(self._authenticator, request, header))
        token = cookies.cookie_of(request, SESSION)
        if token is not None and not _is_public(path_of(request)):
            name = await self._sessions.find(token)
            account = None if name is None else self._authenticator.account(name)
            if account is not None and self._sessions.is_of(token, account):
                return _Asking(account.user, token, by_cookie=True)
        return _visitor(request, None)

    def _stays(self, user: User | None) -> Callable[[], bool]:
        authenticator = self._authenticator
        if authenticator is None or user is None:
            return lambda: True
        account = authenticator.account(user.name)
        return lambda: authenticator.account(user.name) == account

    async def _by_header(
        self, authenticator: Authenticator, request: Request, header: str
    ) -> User | None:
        scheme, _, value = header.partition(" ")
        match scheme.lower():
            case "bearer":
                return authenticator.by_token(value.strip())
            case "basic":
                try:
                    name, _, password = (
                        b64decode(value.strip(), validate=True).decode().partition(":")
                    )
                except ValueError:  # also what is not ASCII, which is no binascii.Error
                    return None
                return await authenticator.by_password(name, password, address_of(request))
        return None

    def _refusal(self, request: Request, asking: _Asking) -> Response | None:
        path = path_of(request)
        is_safe = request.method in SAFE
        if not is_safe and not _is_from_here(request):
            return refuse(request, 403, "This was sent by a page of another site.")
        if asking.user is None:
            if not _is_public(path):
                return _challenge(request)
        elif not is_safe and not asking.user.may_operate and path not in _OWN:
            return _for_operators(request)
        if is_safe:
            return None
        return _wrong_form(request, asking)


def address_of(request: Request) -> str:
    """Where a request comes from; behind a proxy on this machine, what that says."""
    return request.client.host if request.client else ""


def too_many(request: Request, error: TooManyAttempts) -> Response:
    """Who tried too often is told when to come again."""
    wait = str(max(1, round(error.wait)))
    return refuse(request, 429, f"{error}.", {"Retry-After": wait})


def _visitor(request: Request, user: User | None) -> _Asking:
    token = cookies.cookie_of(request, VISITOR)
    if token is not None:
        return _Asking(user, token)
    path = path_of(request)
    is_page = not is_for_programs(path) and not path.startswith("/static/")
    if request.method in SAFE and is_page:
        return _Asking(user, cookies.new_visitor(), is_new=True)
    return _Asking(user)


def _is_public(path: str) -> bool:
    return path in _PUBLIC or path.startswith("/static/")


def _is_from_here(request: Request) -> bool:
    """Whether it was one of our own pages, or no page at all, that sent it."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower() != ""
    except ValueError:
        return False


def _wrong_form(request: Request, asking: _Asking) -> Response | None:
    """Something is sent by somebody who may: is it in the form that is due?"""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if is_for_programs(path_of(request)):
        # Another site's page cannot send this type without being asked first, and is not allowed.
        # Nor can it send anything but GET, HEAD and POST without.
        if request.method == "POST" and kind != "application/json":
            return refuse(request, 415, "The Content-Type must be application/json.")
        given = request.headers.get("x-csrf-token", "")
        return None if not asking.by_cookie or _is_token(request, given) else _stale(request)
    if asking.token is None and asking.user is not None and not asking.user.is_anybody:
        return refuse(request, 403, "Programs use what is below /api.")
    if kind != "application/x-www-form-urlencoded":
        return refuse(request, 415, "Forms are sent as application/x-www-form-urlencoded.")
    try:
        body = request.scope["baton.body"].decode()
        fields = parse_qs(body, max_num_fields=_FIELDS)
    except ValueError:
        return refuse(request, 400, "The form cannot be read.")
    return None if _is_token(request, fields.get("csrf", [""])[0]) else _stale(request)


def _is_token(request: Request, given: str) -> bool:
    expected: str = request.state.csrf
    return expected != "" and hmac.compare_digest(expected.encode(), given.encode())


def _stale(request: Request) -> Response:
    return refuse(request, 403, "The page was too old. Go back, reload it, and try again.")


def _for_operators(request: Request) -> Response:
    name = request.state.user.name
    text = f"{name} is a viewer. This is for operators to do: ask who keeps the users file."
    return refuse(request, 403, text)


def _challenge(request: Request) -> Response:
    """Ask who it is: a program, or a script of a page, by 401; a person on the login page."""
    is_browser = "sec-fetch-site" in request.headers
    is_page = request.headers.get("sec-fetch-mode", "navigate") == "navigate"
    if is_for_programs(path_of(request)) or not is_page:
        # Browsers would open a window of their own for Basic.
        scheme = "Bearer" if is_browser else "Basic"
        headers = {"WWW-Authenticate": f'{scheme} realm="Baton", charset="UTF-8"'}
        return refuse(request, 401, "Log in first.", headers)
    target = path_for(request, "login")
    if request.method in SAFE:
        query = request.url.query
        here = prefix_of(request) + path_of(request) + (f"?{query}" if query else "")
        target += f"?next={quote(here, safe='')}"
    return RedirectResponse(target, 303)
