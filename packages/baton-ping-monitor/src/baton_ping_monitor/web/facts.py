"""Facts of a server as a tree that can be read: they are whatever a server says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from baton.text import excerpt

_DEPTH: Final = 6
_MOST: Final = 1000
_LONGEST: Final = 500


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact: its name, and its text or, when it has parts, those."""

    name: str
    text: str = ""
    parts: tuple[Fact, ...] = ()


def fact_tree(facts: Mapping[str, Any]) -> tuple[Fact, ...]:
    """*facts*, in order of their names, 1,000 at most; what is nested deeper than six levels is
    shown as it was written.

    >>> fact_tree({"cpus": 8, "os": {"name": "Debian"}, "ip": ["192.0.2.1", "192.0.2.2"]})
    (Fact(name='cpus', text='8', parts=()), \
Fact(name='ip', text='192.0.2.1, 192.0.2.2', parts=()), \
Fact(name='os', text='', parts=(Fact(name='name', text='Debian', parts=()),)))
    """
    return _Reader().parts(_sorted(facts), _DEPTH)


class _Reader:
    def __init__(self) -> None:
        self._left = _MOST

    def parts(self, values: Iterable[tuple[str, object]], depth: int) -> tuple[Fact, ...]:
        found: list[Fact] = []
        for name, value in values:
            if self._left <= 0:
                found.append(Fact("…", "there are more"))
                break
            self._left -= 1
            found.append(self._fact(name, value, depth - 1))
        return tuple(found)

    def _fact(self, name: str, value: object, depth: int) -> Fact:
        label = excerpt(name, 100)
        if isinstance(value, Mapping) and value and depth > 0:
            return Fact(label, parts=self.parts(_sorted(value), depth))
        if isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
            if depth > 0:
                numbered = ((str(number), each) for number, each in enumerate(value, 1))
                return Fact(label, parts=self.parts(numbered, depth))
        elif isinstance(value, list):
            return Fact(label, excerpt(_joined(value), _LONGEST))
        return Fact(label, excerpt(_text(value), _LONGEST))


def _sorted(values: Mapping[str, object]) -> list[tuple[str, object]]:
    return sorted(((str(name), value) for name, value in values.items()), key=itemgetter(0))


def _joined(values: Sequence[object]) -> str:
    return ", ".join(_text(value) for value in values[:_MOST]) or "none"


def _text(value: object) -> str:
    match value:
        case None:
            return "–"
        case True | False:
            return "yes" if value else "no"
        case str():
            return value
    return json.dumps(value, ensure_ascii=False, default=str)
