"""What became different between two runs of the same kind: who came, who went, who got slower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_FACTOR: Final = 2.0
_LEAST: Final = 0.010
"""Slower or faster is by this factor, and by so many seconds: less is how networks are."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a run's document says of its servers: after how many seconds each answered first, and
    who is missing or has failed."""

    times: Mapping[str, float]
    missing: frozenset[str]
    failed: Mapping[str, str]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Account:
        """Read a document (docs/collecting-replies.md). What it lacks is empty."""
        times: dict[str, float] = {}
        for reply in entries(document.get("replies")):
            fqdn, milliseconds = reply.get("fqdn"), reply.get("ms")
            if isinstance(fqdn, str) and isinstance(milliseconds, int | float):
                times[fqdn] = min(times.get(fqdn, milliseconds / 1000), milliseconds / 1000)
        missing = document.get("missing")
        return cls(
            times=times,
            missing=frozenset(names(missing.get("names")) if isinstance(missing, Mapping) else ()),
            failed={
                str(error.get("fqdn", "")): str(error.get("class") or error.get("outcome") or "")
                for error in entries(document.get("errors"))
            },
        )


@dataclass(frozen=True, slots=True)
class Change:
    """The latency of a server in the one run and in the other, in seconds."""

    fqdn: str
    before: float
    after: float

    @property
    def factor(self) -> float:
        """So many times as long; infinite if it took no time before."""
        return self.after / self.before if self.before > 0 else float("inf")


@dataclass(frozen=True, slots=True)
class Difference:
    """Who answered only in the later run, or only in the earlier; who became clearly slower or
    faster, the greatest change first; who failed only in the later. ``unchanged`` is how many
    others answered in both."""

    appeared: tuple[str, ...]
    vanished: tuple[str, ...]
    slower: tuple[Change, ...]
    faster: tuple[Change, ...]
    failed: tuple[str, ...]
    unchanged: int


def difference(before: Account, after: Account) -> Difference:
    """Compare two runs."""
    both = before.times.keys() & after.times.keys()
    changes = [Change(fqdn, before.times[fqdn], after.times[fqdn]) for fqdn in sorted(both)]
    slower = [it for it in changes if _is_longer(it.before, it.after)]
    faster = [it for it in changes if _is_longer(it.after, it.before)]
    return Difference(
        appeared=tuple(sorted(after.times.keys() - before.times.keys())),
        vanished=tuple(sorted(before.times.keys() - after.times.keys())),
        slower=tuple(sorted(slower, key=lambda it: -it.factor)),
        faster=tuple(sorted(faster, key=lambda it: it.factor)),
        failed=tuple(sorted(after.failed.keys() - before.failed.keys())),
        unchanged=len(both) - len(slower) - len(faster),
    )


def entries(value: object) -> list[Mapping[str, Any]]:
    """*value* as a list of objects, as far as it is one."""
    return (
        [it for it in value if isinstance(it, Mapping)] if isinstance(value, list | tuple) else []
    )


def names(value: object) -> Sequence[str]:
    """*value* as a list of names, as far as it is one."""
    return [it for it in value if isinstance(it, str)] if isinstance(value, list | tuple) else []


def _is_longer(one: float, other: float) -> bool:
    return other > one * _FACTOR and other - one > _LEAST
