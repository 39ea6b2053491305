"""Who may log in, and what they may do: the users file.

A line is ``name:role:secret``, ``#`` begins a comment::

    alice:operator:scrypt$32768$8$1$…
    ci:viewer:token$…
"""

from __future__ import annotations

import logging
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from baton.errors import ConfigurationError
from baton.text import excerpt
from baton_ping_monitor.web.passwords import Secret

logger = logging.getLogger(__name__)

_LONGEST: Final = 1_048_576
_NAME: Final = re.compile(r"[A-Za-z0-9._@+-]{1,64}")


class Role(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    """Look at everything."""
    OPERATOR = "operator"
    """Also ping, put servers in maintenance or retire them, and test alerts."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who uses the dashboard. ``is_anybody`` where nobody needs to log in."""

    name: str
    role: Role
    is_anybody: bool = False

    @property
    def may_operate(self) -> bool:
        """Whether they may change anything."""
        return self.role is Role.OPERATOR


ANYBODY: Final = User("anybody", Role.OPERATOR, is_anybody=True)
"""Whoever comes, where no users are configured: only this machine reaches the dashboard then."""


@dataclass(frozen=True, slots=True)
class Account:
    """A line of the users file."""

    user: User
    secret: Secret = field(repr=False)


def read_users(path: Path) -> dict[str, Account]:
    """The accounts in the file, by name.

    Raises ConfigurationError, which names the file, the line, and what may stand there.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(path.stat().st_mode)
            content = file.read(_LONGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"The users file {path}: {error.strerror}") from None
    if mode & stat.S_IWOTH:
        raise ConfigurationError(
            f"The users file {path}: everybody on this machine may write to it; chmod 640 it"
        )
    if mode & stat.S_IROTH:
        logger.warning("Everybody on this machine may read the users file %s; chmod 640 it", path)
    if len(content) > _LONGEST:
        raise ConfigurationError(f"The users file {path}: longer than 1 MiB")
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        raise ConfigurationError(f"The users file {path}: not UTF-8") from None
    found: dict[str, Account] = {}
    for number, line in enumerate(lines, start=1):
        try:
            account = _parse(line)
            if account is not None and account.user.name in found:
                raise ValueError(f"{account.user.name} stands there twice")
        except ValueError as error:
            raise ConfigurationError(f"The users file {path}, line {number}: {error}") from None
        if account is not None:
            found[account.user.name] = account
    if not found:
        raise ConfigurationError(
            f"The users file {path} names nobody: nobody could log in. "
            "baton-ping-monitor --hash-password makes a line of it"
        )
    return found


def _parse(line: str) -> Account | None:
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    fields = text.split(":")
    if len(fields) != 3:
        raise ValueError("must be name:role:secret")
    name, role, secret = fields
    check_user_name(name)
    if role not in list(Role):
        raise ValueError(f'the role must be "viewer" or "operator", not "{excerpt(role)}"')
    return Account(User(name, Role(role)), Secret.parse(secret))


def check_user_name(name: str) -> str:
    """*name*. Raises ValueError, which quotes it and says what is allowed."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f'"{excerpt(name)}" is no name: 1 to 64 letters, digits and . _ @ + - are allowed'
        )
    return name


class UsersFile:
    """The users file, read anew when it was changed.

    One that became wrong leaves those who could log in before, and is logged once. Raises
    ConfigurationError if it is wrong at first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark = self._stat()
        self._accounts: Mapping[str, Account] = read_users(path)
        self.revision = 0

    def accounts(self) -> Mapping[str, Account]:
        """The accounts as they are now, by name."""
        mark = self._stat()
        if mark != self._mark:
            self._mark = mark
            try:
                self._accounts = read_users(self._path)
            except ConfigurationError as error:
                logger.error("%s. Those who could log in before still can", error)
            else:
                self.revision += 1
                logger.info("Read the users file %s: %d users", self._path, len(self._accounts))
        return self._accounts

    def _stat(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode
