"""Passwords and tokens, as they are kept: nobody who reads the users file learns them.

Passwords are hashed with scrypt, which takes a tenth of a second and 32 MiB on purpose; tokens are
random, so that a plain SHA-256 of them is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final

TOKEN_PREFIX: Final = "baton_"  # noqa: S105
"""What every token begins with, so that one that leaked is recognised."""
LONGEST_PASSWORD: Final = 1024
"""Bytes of a password that are looked at."""

_COST: Final = (2**15, 8, 1)
_DEAREST: Final = 256 * 1024 * 1024
"""Bytes of memory that the hash of a users file may ask for."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What is kept of a password or of a token. ``salt`` is empty for a token."""

    digest: bytes
    salt: bytes = b""
    cost: tuple[int, int, int] = _COST

    @property
    def is_token(self) -> bool:
        """Whether it is a token's: then it is quick to check."""
        return not self.salt

    @classmethod
    def parse(cls, text: str) -> Secret:
        """What stands in a users file. Raises ValueError, which says what may stand there."""
        kind, *fields = text.split("$")
        try:
            match kind, fields:
                case "token", [digest] if len(digest) == 64:
                    return cls(bytes.fromhex(digest))
                case "scrypt", [n, r, p, salt, digest]:
                    cost = _checked_cost(int(n), int(r), int(p))
                    return cls(_decoded(digest), _decoded(salt), cost)
        except ValueError:
            pass
        raise ValueError(
            "the third field must be what --hash-password or --new-token printed, "
            "scrypt$… or token$…"
        )

    def matches(self, given: str) -> bool:
        """Whether *given* is the password or token. That of a password takes long."""
        return hmac.compare_digest(self.digest, _digest(given, self.salt, self.cost))

    def __str__(self) -> str:
        if self.is_token:
            return f"token${self.digest.hex()}"
        n, r, p = self.cost
        return f"scrypt${n}${r}${p}${_encoded(self.salt)}${_encoded(self.digest)}"


def hash_password(password: str, cost: tuple[int, int, int] = _COST) -> str:
    """What a users file keeps of *password*. Takes a tenth of a second; *cost* is that of scrypt.

    Raises ValueError for one that is empty or longer than 1,024 bytes.
    """
    if not 1 <= len(password.encode()) <= LONGEST_PASSWORD:
        raise ValueError("A password has 1 to 1,024 bytes")
    salt = secrets.token_bytes(16)
    return str(Secret(_digest(password, salt, cost), salt, cost))


def new_token() -> tuple[str, str]:
    """A token, and what a users file keeps of it."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    return token, str(Secret(_digest(token, b"", _COST)))


def _digest(given: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    secret = given.encode(errors="surrogatepass")[: LONGEST_PASSWORD + 1]
    if not salt:
        return hashlib.sha256(secret).digest()
    n, r, p = cost
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=2 * _memory(cost), dklen=32)


def _memory(cost: tuple[int, int, int]) -> int:
    n, r, p = cost
    return 128 * r * (n + p + 2)


def _checked_cost(n: int, r: int, p: int) -> tuple[int, int, int]:
    is_power_of_two = n > 1 and n & (n - 1) == 0
    if not is_power_of_two or r < 1 or not 1 <= p <= 16 or _memory((n, r, p)) > _DEAREST:
        raise ValueError
    return n, r, p


def _decoded(text: str) -> bytes:
    found = b64decode(text, validate=True)
    if len(found) < 16:
        raise ValueError
    return found


def _encoded(data: bytes) -> str:
    return b64encode(data).decode()
