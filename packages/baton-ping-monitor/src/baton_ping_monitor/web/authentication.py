"""Telling who somebody is by a password or a token."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from baton.text import excerpt
from baton_ping_monitor.web.passwords import Secret
from baton_ping_monitor.web.throttle import Throttle, keys_of

if TYPE_CHECKING:
    from baton_ping_monitor.web.users import Account, User, UsersFile

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 2
"""Passwords that are checked at a time: each takes a thread, 32 MiB and a tenth of a second."""
_WAITING: Final = 16
"""Passwords that may wait for that."""
_REMEMBERED: Final = 256
_REMEMBERED_FOR: Final = 300.0
"""Seconds that a program which sends its password with each request need not wait again."""
_AT_HOME_FOR: Final = 30 * 86_400.0
"""Seconds for which a name is at home at an address that it logged in from."""
_HOMES: Final = 10_000


class TooManyAttempts(Exception):
    """Not now: come again in ``wait`` seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"Too many attempts to log in. Try again in {max(1, round(wait))} s")
        self.wait = wait


class Authenticator:
    """Checks passwords and tokens against a users file. Belongs to the event loop."""

    def __init__(self, users: UsersFile, clock: Callable[[], float]) -> None:
        self._users = users
        self._clock = clock
        self._throttle = Throttle(clock)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, tuple[float, Secret]] = OrderedDict()
        self._homes: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._nobody = Secret(secrets.token_bytes(32), secrets.token_bytes(16))

    def account(self, name: str) -> Account | None:
        """The account of that name as the file has it now, None if it does not."""
        return self._users.accounts().get(name)

    def by_token(self, token: str) -> User | None:
        """Whose token it is. All are compared, whichever matches."""
        found = None
        for account in self._users.accounts().values():
            if account.secret.is_token and account.secret.matches(token):
                found = account.user
        return found

    async def by_password(self, name: str, password: str, address: str) -> User | None:
        """Whose name and password, or name and token, they are. It takes equally long for a name
        that nobody has. Raises TooManyAttempts where there were too many from that *address*, or
        with that *name*. Attempts with a name elsewhere keep nobody out of where they logged in
        before: those of each such address are counted for themselves."""
        account = self._users.accounts().get(name)
        mark = hmac.digest(
            self._key, f"{name}\0{password}".encode(errors="replace"), hashlib.sha256
        )
        if account is not None and self._is_known(mark, account.secret):
            return account.user
        home = keys_of(name, address)
        keys = self._keys(home)
        if wait := self._throttle.attempt(keys):
            raise TooManyAttempts(wait)
        secret = self._nobody if account is None else account.secret
        if self._waiting >= _WAITING:
            self._throttle.undo(keys)
            raise TooManyAttempts(1)
        if not await self._matches(secret, password) or account is None:
            logger.warning(
                "Somebody could not log in as %s, from %s", excerpt(name, 64), excerpt(address, 64)
            )
            return None
        self._throttle.forgive(keys)
        self._homes.pop(home, None)
        self._homes[home] = self._clock() + _AT_HOME_FOR
        if len(self._homes) > _HOMES:
            self._homes.popitem(last=False)
        self._known[mark] = (self._clock() + _REMEMBERED_FOR, account.secret)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return account.user

    def _keys(self, home: tuple[str, str]) -> tuple[str, str]:
        """What an attempt counts for: the name and the address, or the name there."""
        if self._clock() < self._homes.get(home, 0.0):
            return " ".join(("home", *home)), home[1]
        return home

    async def _matches(self, secret: Secret, password: str) -> bool:
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(secret.matches, password)
        finally:
            self._waiting -= 1

    def _is_known(self, mark: bytes, secret: Secret) -> bool:
        until, known = self._known.get(mark, (0.0, None))
        if known == secret and self._clock() < until:
            return True
        self._known.pop(mark, None)
        return False
