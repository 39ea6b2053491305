"""Paths of the application's own pages, with the prefix that it has behind a proxy.

They have no host: whatever name a browser knows the dashboard by, they lead back to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from starlette._utils import get_route_path

if TYPE_CHECKING:
    from starlette.requests import Request


def prefix_of(request: Request) -> str:
    """The prefix that the application is below: ``""``, or ``/`` and a name."""
    prefix: str = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    return prefix


def path_of(request: Request) -> str:
    """The path of *request* without the prefix."""
    scope = {"path": request.scope["path"], "root_path": prefix_of(request)}
    return get_route_path(scope) or "/"


def path_for(request: Request, name: str, /, **parameters: Any) -> str:
    """The path of the route *name*, as a link in a page; *parameters* may be any text. Raises
    NoMatchFound if there is no such route."""
    quoted = {key: quote(str(value), safe="") for key, value in parameters.items()}
    return prefix_of(request) + str(request.app.url_path_for(name, **quoted))


def static_path(request: Request, file: str) -> str:
    """The path of a static file. It tells the version of all of them, so that browsers may keep
    them for ever."""
    version = request.app.state.static_version
    return prefix_of(request) + str(request.app.url_path_for("static", version=version, path=file))


def local_path(text: str | None, otherwise: str) -> str:
    """*text* if it is a path of this host, which is safe to be sent to; else *otherwise*.

    >>> local_path("/servers?state=missing", "/")
    '/servers?state=missing'
    >>> local_path("//evil.example.org", "/")
    '/'
    """
    if not text or len(text) > 2048 or not text.isprintable() or not text.isascii():
        return otherwise
    if not text.startswith("/") or text.startswith("//") or "\\" in text:
        return otherwise
    try:
        parts = urlsplit(text)
    except ValueError:
        return otherwise
    return text if not parts.scheme and not parts.netloc else otherwise
