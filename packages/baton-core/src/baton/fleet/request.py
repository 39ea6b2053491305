"""What is asked of a fleet, and how it is asked: a value, checked before anything is published."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Final, TypedDict, TypeGuard

from baton.errors import InvalidMessage
from baton.names import LONGEST_FQDN, check_name
from baton.splay import LONGEST_SPLAY
from baton.text import excerpt

PATIENCE: Final = 2.0
"""Seconds that a fleet has at least to answer, if nobody says how long."""
PATIENCE_EACH: Final = 0.001
"""Seconds more for each server that is expected."""
LONGEST_TIME: Final = 604_800.0
"""Seconds: a week, the longest of a command's times."""
_MOST_SERVERS: Final = 999_999_999
"""No number of servers is larger: what can be computed with, and as many as may be written."""

_NUMBER: Final = re.compile(r"[0-9]{1,9}\Z")
_SHARE: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%\Z")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of servers, or a share of them in percent: ``20`` or ``10%``.

    Raises InvalidMessage for a number below 1, and a share that is not above 0 and at most 100.

    >>> Amount.parse("10%").of(250)
    25
    """

    value: float
    is_share: bool = False

    def __post_init__(self) -> None:
        allowed = "more than 0% and at most 100%" if self.is_share else "a whole number above 0"
        most = 100 if self.is_share else _MOST_SERVERS
        fits = _is_number(self.value) and 0 < self.value <= most
        if not fits or (not self.is_share and self.value != int(self.value)):
            shown = _shown(self.value, "%" if self.is_share else "")
            raise InvalidMessage(f"An amount of servers is {allowed}, not {shown}")

    def __str__(self) -> str:
        return f"{self.value:.10g}%" if self.is_share else f"{self.value:.10g}"

    @classmethod
    def parse(cls, text: str) -> Amount:
        """The amount that *text* says. Raises InvalidMessage if it says none."""
        if _NUMBER.match(text):
            return cls(int(text))
        if share := _SHARE.match(text):
            return cls(float(share[1]), is_share=True)
        raise InvalidMessage(
            f"{_shown(text)} is no amount of servers: a number like 20, or a share like 10%"
        )

    def of(self, total: int) -> int:
        """How many of *total* servers that is: of some at least one, and never more than all."""
        # Rounded before it is rounded up: a share is seldom exact in binary.
        number = math.ceil(round(total * self.value / 100, 6)) if self.is_share else int(self.value)
        return min(total, max(1, number))


@dataclass(frozen=True, slots=True)
class Batches:
    """Asking one group of servers after the other.

    Each group has *size* servers; the next one is asked *wait* seconds after the group before has
    finished or run out of time, and not at all when more than *max_failures* servers have failed
    (None: whatever fails). Raises InvalidMessage for what is none of it.
    """

    size: Amount
    wait: float = 0.0
    max_failures: int | None = None

    def __post_init__(self) -> None:
        _check_kind("The size of a batch", self.size, Amount)
        _check_time("The wait between two batches", self.wait, 0, LONGEST_TIME)
        if self.max_failures is not None:
            _check_count("The number of failures that are allowed", self.max_failures)


@dataclass(frozen=True, slots=True)
class Expected:
    """The servers that have to answer: their *names*, or only how many they are, *number*.

    Raises InvalidMessage for a name that no server can have, and a number below 0.
    """

    names: frozenset[str] | None = None
    number: int = 0

    def __post_init__(self) -> None:
        if self.names is None:
            _check_count("The number of expected servers", self.number)
            return
        names = frozenset(_items(self.names))
        for name in names:
            try:
                check_name(name, LONGEST_FQDN)
            except ValueError as error:
                raise InvalidMessage(f"The name of an expected server {error}") from None
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "number", len(names))

    @property
    def count(self) -> int:
        """How many servers have to answer."""
        return self.number


class Options(TypedDict, total=False):
    """The fields of a :class:`Request` that are optional, as keywords."""

    expected: Expected | None
    where: tuple[str, ...]
    splay: float
    timeout: float | None
    expires: float | None
    limit: Amount | None
    batches: Batches | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A command to a fleet.

    *message* is a JSON object with a ``type``; *targets* are environments, fqdns,
    ``<app>.<environment>`` or ``*``. *timeout* is in seconds after the publish (of each group);
    None: a time that grows with the number of expected servers, see :attr:`patience`. A server
    that does not meet each condition of *where* does nothing; each waits a random time of at most
    *splay* seconds before it does it. *limit* asks only so many of the known servers, at random.

    Raises InvalidMessage, which names it, for a value that is not allowed.
    """

    message: Mapping[str, Any]
    targets: tuple[str, ...]
    expected: Expected | None = None
    where: tuple[str, ...] = ()
    splay: float = 0.0
    timeout: float | None = None
    expires: float | None = None
    limit: Amount | None = None
    batches: Batches | None = None

    def __post_init__(self) -> None:
        message: object = self.message
        if not isinstance(message, Mapping) or not isinstance(message.get("type"), str):
            raise InvalidMessage("A command is a JSON object with a type")
        for name in ("targets", "where"):
            object.__setattr__(self, name, _items(getattr(self, name)))
        if not self.targets:
            raise InvalidMessage("A command needs a target: an environment, an fqdn, or *")
        _check_kind("What is expected", self.expected, Expected | None)
        _check_kind("A limit", self.limit, Amount | None)
        _check_kind("What batches are", self.batches, Batches | None)
        _check_time("The splay", self.splay, 0, LONGEST_SPLAY)
        if self.timeout is not None:
            _check_time("The timeout", self.timeout, None, LONGEST_TIME)
        if self.expires is not None:
            _check_time("The expiry", self.expires, None, LONGEST_TIME)

    @property
    def patience(self) -> float:
        """Seconds to wait for answers after the publish, of each group: *timeout*, or if that is
        None 2 s, 1 ms for each expected server, and the *splay*."""
        if self.timeout is not None:
            return self.timeout
        expected = self.expected.count if self.expected is not None else 0
        return min(LONGEST_TIME, PATIENCE + PATIENCE_EACH * expected + self.splay)


def _items(given: object) -> tuple[str, ...]:
    """*given* without repetitions; a string is one item, and no list of letters."""
    items = tuple(dict.fromkeys([given] if isinstance(given, str) else _iterable(given)))
    for item in items:
        if not isinstance(item, str):
            raise InvalidMessage(f"Targets, conditions and names are strings, not {_shown(item)}")
    return items


def _iterable(given: object) -> Iterable[Any]:
    if not isinstance(given, Iterable):
        raise InvalidMessage(f"Targets, conditions and names are strings, not {_shown(given)}")
    return given


def _check_count(what: str, value: object) -> None:
    """Raise InvalidMessage unless *value* is a whole number that is not negative."""
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_SERVERS
    if not fits:
        raise InvalidMessage(f"{what} is a whole number from 0, not {_shown(value)}")


def _check_kind(what: str, value: object, kind: type | UnionType) -> None:
    """Raise InvalidMessage unless *value* is of that *kind*."""
    if not isinstance(value, kind):
        name = getattr(kind, "__name__", None) or str(kind).replace("baton.fleet.request.", "")
        raise InvalidMessage(f"{what} is of the type {name}, not {_shown(value)}")


def _check_time(what: str, value: object, least: float | None, most: float) -> None:
    """Raise InvalidMessage unless *value* is at least *least*, or above 0 if that is None."""
    if _is_number(value) and (value > 0 if least is None else least <= value) and value <= most:
        return
    allowed = "more than 0" if least is None else f"{least:g}"
    raise InvalidMessage(f"{what} is {allowed} to {most:,.0f} s, not {_shown(value)}")


def _is_number(value: object) -> TypeGuard[float]:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -math.inf < value < math.inf
    )


def _shown(value: object, unit: str = "") -> str:
    try:
        text = str(value)
    except ValueError:  # of more digits than Python turns into text
        text = "a number with very many digits"
    return f'"{excerpt(text + unit, 40)}"'
