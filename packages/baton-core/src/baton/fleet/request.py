"""What is asked of a fleet, and how it is asked: a value, checked before anything is published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of servers, or a share of them: ``20`` or ``10%``.

    >>> Amount.parse("10%").of(250)
    25
    """

    value: float
    is_share: bool = False


@dataclass(frozen=True, slots=True)
class Batches:
    """Asking one group of servers after the other.

    Each group has *size* servers; the next one is asked *wait* seconds after the group before has
    finished or run out of time, and not at all when more than *max_failures* servers have failed
    (None: whatever fails).
    """

    size: Amount
    wait: float = 0.0
    max_failures: int | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """The servers that have to answer: their names, or only how many they are."""

    names: frozenset[str] | None = None
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A command to a fleet.

    *message* is a JSON object with a ``type``; *targets* are environments, fqdns,
    ``<app>.<environment>`` or ``*``. *timeout* is in seconds after the publish (of each group);
    None: a time that grows with the number of expected servers, see :meth:`patience`.
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
