"""Whom a request asks, and in which order: all at once, a few of them, or group by group."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baton.errors import InvalidMessage
from baton.fleet.request import Expected

if TYPE_CHECKING:
    from baton.fleet.request import Request

_DOTS: Final = 2
"""A server's name has as many at least: <app>.<environment> has fewer."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The targets of each group, and who is expected of all of them together."""

    groups: tuple[tuple[str, ...], ...]
    expected: Expected | None


def plan(request: Request) -> Plan:
    """Whom *request* asks. A limit chooses at random; groups are in the order of their names.

    Raises InvalidMessage for a limit or batches of servers whose names nobody knows.
    """
    if request.limit is None and request.batches is None:
        return Plan((request.targets,), request.expected)
    names = _known_names(request)
    if request.limit is not None:
        names = random.sample(names, request.limit.of(len(names)))
    expected = None if request.expected is None else Expected(names=frozenset(names))
    if request.batches is None:
        return Plan((tuple(names),), expected)
    size = request.batches.size.of(len(names))
    starts = range(0, len(names), size)
    return Plan(tuple(tuple(names[start : start + size]) for start in starts), expected)


def _known_names(request: Request) -> Sequence[str]:
    if request.expected is not None and request.expected.names is not None:
        names = sorted(request.expected.names)
        if names:
            return names
    elif request.expected is None and all(map(looks_like_fqdn, request.targets)):
        return request.targets
    what = "limit" if request.limit is not None else "batch"
    raise InvalidMessage(
        f"A {what} needs the names of the servers: those that are expected (--expect-file, "
        "--expect-from), or servers as targets, each by its full name"
    )


def looks_like_fqdn(target: str) -> bool:
    """Whether *target* is the name of a server, and no environment or application.

    >>> looks_like_fqdn("web01.example.org"), looks_like_fqdn("shop.production")
    (True, False)
    """
    return target.count(".") >= _DOTS
