"""Who fails to log in has to wait, longer with each time."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

_FREE: Final = 5
"""Failures in a row that cost nothing."""
_LONGEST: Final = 300.0
"""Seconds to wait at most."""
_FORGOTTEN: Final = 3600.0
"""Seconds after the last failure until all is forgotten."""
_MOST: Final = 10_000


@dataclass(slots=True)
class _Failures:
    number: int
    last: float

    @property
    def wait(self) -> float:
        return min(_LONGEST, 2.0 ** min(self.number - _FREE, 16)) if self.number >= _FREE else 0.0


class Throttle:
    """Counts failures by key, such as a user's name and an address; bounded in memory."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def attempt(self, keys: Sequence[str]) -> float:
        """Count an attempt as failed until :meth:`forgive` says otherwise, so that many at the
        same time count, too. Returns how many seconds to wait; if that is not 0, the attempt is
        not to be made, and was not counted."""
        now = self._clock()
        found = [self._failures[key] for key in keys if key in self._failures]
        wait = max((each.last + each.wait - now for each in found), default=0.0)
        if wait > 0:
            return wait
        for key in keys:
            failures = self._failures.pop(key, None)
            if failures is None or now - failures.last > _FORGOTTEN:
                failures = _Failures(0, now)
            failures.number += 1
            failures.last = now
            self._failures[key] = failures
            if len(self._failures) > _MOST:
                self._failures.popitem(last=False)
        return 0.0

    def forgive(self, keys: Sequence[str]) -> None:
        """The attempt did not fail."""
        for key in keys:
            self._failures.pop(key, None)

    def undo(self, keys: Sequence[str]) -> None:
        """The attempt was not made after all."""
        for key in keys:
            if key in self._failures:
                self._failures[key].number -= 1


def keys_of(user: str, address: str) -> tuple[str, str]:
    """The keys that an attempt counts for: the user, and the address, of IPv6 its network."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return f"user {user[:64]}", "address ?"
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
        return f"user {user[:64]}", f"address {ipaddress.ip_network((ip, 64), strict=False)}"
    return f"user {user[:64]}", f"address {ip}"
