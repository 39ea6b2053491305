"""What holds for each request and each answer, whatever it is about."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from baton.errors import ConfigurationError
from baton_ping_monitor.web.refusals import refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from baton_ping_monitor.settings import WebSettings

LONGEST_BODY: Final = 65_536
"""Bytes of a request's body."""
_BODY_DEADLINE: Final = 10.0
"""Seconds in which it has to be there."""

_CONTENT: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
"""What a page may load, and from where: nothing inline, nothing from elsewhere."""

HEADERS: Final = {
    "Content-Security-Policy": "; ".join(f"{what} {where}" for what, where in _CONTENT.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Headers of every answer."""


def check_exposure(web: WebSettings) -> None:
    """Raise ConfigurationError if others than this machine could reach the dashboard, and nobody
    would have to log in."""
    if web.users_file is None and not is_loopback(web.host):
        raise ConfigurationError(
            f"The dashboard would answer on {web.host or 'every address'} to everybody, without a "
            "login. Say who may log in with --users-file (DASHBOARD_USERS_FILE), or keep to this "
            "machine with --host 127.0.0.1 (DASHBOARD_HOST)"
        )


def is_loopback(host: str) -> bool:
    """Whether *host* is an address of this machine that others do not reach, or ``localhost``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class SecurityHeaders:
    """Sets :data:`HEADERS`, and ``no-store`` where nothing else is said about keeping."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                set_headers(MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, send_with_headers)


def set_headers(headers: MutableHeaders) -> None:
    """Set what is missing of them."""
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")


class Prefix:
    """The application is below a path of its host. A proxy may keep that path or take it away."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on with the whole path, as ASGI wants it."""
        if self._prefix and scope["type"] == "http":
            path = scope["path"]
            if path == self._prefix:
                path += "/"
            elif not path.startswith(f"{self._prefix}/"):
                path = self._prefix + path
            scope = {**scope, "path": path, "root_path": self._prefix}
        await self._app(scope, receive, send)


class HostCheck:
    """Answers only to names of this machine, where nobody has to log in.

    A page of another host whose name was made to lead to this machine is no way in, then.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._allowed = {"localhost", "127.0.0.1", "[::1]", host.lower(), f"[{host.lower()}]"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, or refuse it."""
        if scope["type"] == "http":
            request = Request(scope)
            name = request.headers.get("host", "").lower()
            if _without_port(name) not in self._allowed:
                answer = refuse(
                    request,
                    421,
                    "The dashboard is known to this machine alone, as localhost or 127.0.0.1. To "
                    "reach it by another name, say who may log in (DASHBOARD_USERS_FILE), or have "
                    "the proxy before it send the Host localhost.",
                )
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _without_port(name: str) -> str:
    host, colon, port = name.rpartition(":")
    return host if colon and port.isdigit() else name


class WholeBody:
    """Reads the body before anything else happens: it is short, and comes soon, or it is refused.

    It is then in ``scope["baton.body"]``.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, or refuse it."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(_BODY_DEADLINE):
                body = await _read(receive)
        except TimeoutError:
            await refuse(Request(scope), 408, "It did not arrive within 10 s.")(
                scope, receive, send
            )
            return
        if body is None:
            return
        if len(body) > LONGEST_BODY:
            answer = refuse(Request(scope), 413, "More than 64 KiB were sent.")
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
            return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_again() -> Message:
            return pending.pop() if pending else await receive()

        await self._app({**scope, "baton.body": body}, receive_again, send)


async def _read(receive: Receive) -> bytes | None:
    """The body, or a little more than is allowed of it; None if whoever sent it has gone."""
    body = b""
    while len(body) <= LONGEST_BODY:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body
