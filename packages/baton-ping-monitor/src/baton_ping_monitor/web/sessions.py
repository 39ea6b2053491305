"""Who stays logged in, by a cookie."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from baton_ping_monitor.store.records import SessionRecord
from baton_ping_monitor.web.links import prefix_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from baton_ping_monitor.services import Sessions
    from baton_ping_monitor.web.users import Account

IDLE: Final = 12 * 3600.0
"""Seconds without a request after which somebody is logged out."""
LONGEST: Final = 7 * 86_400.0
"""Seconds after which they are in any case."""
SESSION: Final = "baton_session"
VISITOR: Final = "baton_visitor"
"""The cookie of a browser without a session, which forms are bound to."""

_EXTENDED_EVERY: Final = 60.0
"""Seconds between two writes of a session that is in use."""
_LONGEST_TOKEN: Final = 128


class SessionKeeper:
    """Begins, finds and ends sessions. The store keeps only a hash of what the browser has."""

    def __init__(self, sessions: Sessions, clock: Callable[[], float]) -> None:
        self._sessions = sessions
        self._clock = clock

    async def begin(self, account: Account) -> str:
        """Log somebody in; the token for their browser."""
        now, user = self._clock(), account.user
        # It tells when it was made, and by which password. It cannot be given another time, as the
        # hash is kept of it all.
        beginning = f"{int(now):x}.{secrets.token_urlsafe(32)}"
        token = f"{beginning}.{_mark(beginning, account)}"
        session = SessionRecord(_digest(token), user.name, user.role.value, now + IDLE)
        await asyncio.to_thread(self._sessions.put_session, session)
        return token

    async def find(self, token: str) -> str | None:
        """Whose session that *token* is, which begins to be idle anew; None if it has ended."""
        session = await asyncio.to_thread(self._sessions.session, _digest(token))
        if session is None:
            return None
        now = self._clock()
        end = int(token.partition(".")[0], 16) + LONGEST
        if min(end, session.expires) <= now:
            return None
        expires = min(now + IDLE, end)
        if expires - session.expires >= _EXTENDED_EVERY:
            # Who logs out meanwhile has logged out.
            await asyncio.to_thread(self._sessions.extend_session, session.digest, expires)
        return session.user

    def is_of(self, token: str, account: Account) -> bool:
        """Whether a *token* that was found is of the account as it is now: whoever has another
        password since has to log in anew."""
        beginning, _, mark = token.rpartition(".")
        return hmac.compare_digest(mark, _mark(beginning, account))

    async def end(self, token: str) -> None:
        """Log out whoever has that *token*."""
        await asyncio.to_thread(self._sessions.delete_session, _digest(token))


def new_visitor() -> str:
    """A token for a browser without a session."""
    return secrets.token_urlsafe(16)


def csrf_of(token: str) -> str:
    """What a form has to send back: only this site's pages know it, for they know the cookie."""
    return hmac.new(token.encode(), b"baton csrf", hashlib.sha256).hexdigest()


def cookie_of(request: Request, name: str) -> str | None:
    """The token in the cookie *name* of *request*."""
    found = request.cookies.get(_named(request, name))
    if found and len(found) <= _LONGEST_TOKEN and found.isascii() and found.isprintable():
        return found
    return None


def set_cookie(request: Request, response: Response, name: str, token: str) -> None:
    """Have the browser keep *token* until it is closed or the session ends."""
    response.set_cookie(
        _named(request, name),
        token,
        path=_path(request),
        secure=_is_secure(request),
        httponly=True,
        samesite="lax",
    )


def delete_cookie(request: Request, response: Response, name: str) -> None:
    """Have the browser forget the cookie *name*."""
    response.delete_cookie(
        _named(request, name),
        path=_path(request),
        secure=_is_secure(request),
        httponly=True,
        samesite="lax",
    )


def _mark(beginning: str, account: Account) -> str:
    return hmac.new(account.secret.digest, beginning.encode(), hashlib.sha256).hexdigest()[:32]


def _named(request: Request, name: str) -> str:
    """With https, a name that promises more: no other host may have set it."""
    if not _is_secure(request):
        return name
    return f"__Host-{name}" if _path(request) == "/" else f"__Secure-{name}"


def _is_secure(request: Request) -> bool:
    """Whether the browser came by https, perhaps to a proxy on this machine that says so."""
    return request.url.scheme == "https"


def _path(request: Request) -> str:
    return prefix_of(request) or "/"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
