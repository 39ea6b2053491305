"""Filters: conditions on what is known of a server, which it compares with itself.

A command carries them; a server of which one does not hold says nothing. docs/wire.md has the
rules. What is compared comes from a network: the work is bounded, and no pattern is a program.

>>> from baton.server import Server
>>> web01 = Server("web01.example.org", "production", ("shop",), {"cpus": 8})
>>> parse(["cpus>=4", "apps contains shop"]).matches(web01)
True
>>> parse(["fqdn=db*"]).matches(web01)
False
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from baton.errors import InvalidFilter
from baton.text import excerpt, shorten
from baton.wildcard import Wildcard

if TYPE_CHECKING:
    from baton.server import Server

MOST_CONDITIONS: Final = 64
LONGEST_CONDITION: Final = 1000
"""Characters."""
MOST_BYTES: Final = 32 * 1024
"""Of all conditions together: a command's headers have to fit into a frame of 128 KiB."""

_MOST_ITEMS: Final = 1000
"""Of a list or an object that are looked at."""
_RULE: Final = (
    "NAME, not NAME, or NAME OPERATOR VALUE is allowed, with one of = != < <= > >= contains"
)
_NAME: Final = re.compile(r"[\w.:/@+-]+")
_NOT: Final = re.compile(r"not\s+(?=[\w.:/@+-])")
_OPERATOR: Final = re.compile(r"\s*(==|!=|<=|>=|=|<|>)\s*|\s+(contains)\s+")
_JOINED: Final = re.compile(r"\s(?:and|or|&&|\|\|)\s")
_QUOTED: Final = re.compile(r"(?P<quote>[\"'])(?P<text>.*)(?P=quote)", re.DOTALL)
_SIZE: Final = re.compile(
    r"(?P<number>[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?)(?:\s?(?P<unit>[kmgt])(?P<ending>i?b)?)?",
    re.IGNORECASE,
)
_RUN: Final = re.compile(r"[0-9]+|[^0-9]+")

_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Where:
    """Conditions that all have to hold; none hold for everybody."""

    conditions: tuple[Condition, ...] = ()

    def matches(self, server: Server) -> bool:
        """Whether each condition holds for what is known of *server*."""
        return all(condition.holds(server) for condition in self.conditions)


def parse(conditions: Sequence[str]) -> Where:
    """The filter that *conditions* are, each for itself one condition.

    Raises InvalidFilter, which says which of them is wrong and what is allowed.
    """
    if len(conditions) > MOST_CONDITIONS:
        raise InvalidFilter(
            f"A filter has {len(conditions):,} conditions: at most {MOST_CONDITIONS} are allowed"
        )
    if not all(isinstance(condition, str) for condition in conditions):
        raise InvalidFilter(f"A condition is a text, and not all of these are: {_RULE}")
    where = _parse(tuple(conditions))
    size = sum(len(condition.encode()) for condition in conditions)
    if size > MOST_BYTES:
        raise InvalidFilter(f"A filter has {size:,} bytes: at most {MOST_BYTES:,} are allowed")
    return where


@lru_cache(maxsize=4)  # many servers may be in one process, and be asked the same
def _parse(conditions: tuple[str, ...]) -> Where:
    return Where(tuple(map(_condition, conditions)))


def parse_header(value: object) -> Where:
    """The filter that a command carries: None if it has none, or a list of conditions.

    Raises InvalidFilter.
    """
    if value is None:
        return Where()
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise InvalidFilter("A filter on the wire is a list of strings, this one is not")
    return parse(value)


@dataclass(frozen=True, slots=True)
class Condition:
    """What one fact has to be.

    Without an *operator* it has to be there, and not be false, 0 or empty. *negated* turns the
    whole around. *wildcard* is the value as a pattern, *size* as a number, None if it is none.
    """

    name: str
    operator: str = ""
    value: str = ""
    negated: bool = False
    wildcard: Wildcard | None = None
    size: _Size | None = None

    def holds(self, server: Server) -> bool:
        """Whether it is so on *server*."""
        return self._compare(_known(server, self.name)) is not self.negated

    def _compare(self, fact: object) -> bool:
        match self.operator:
            case "":
                return bool(fact)
            case "=":
                return any(map(self._equals, _each(fact)))
            case "!=":
                return fact is not None and not any(map(self._equals, _each(fact)))
            case "contains":
                return self._contained(fact)
            case _:
                return any(map(self._in_order, _each(fact)))

    def _equals(self, fact: object) -> bool:
        match fact:
            case None:
                return False
            case bool():
                return self.value.casefold() == str(fact).casefold()
            case int() | float():
                if self.size is not None:
                    return self.size.number == fact
                return self.wildcard is not None and self.wildcard.matches(str(fact))
            case str():
                text = fact.casefold()
                if self.wildcard is not None:
                    return self.wildcard.matches(text)
                return text == self.value.casefold()
            case _:
                return False

    def _contained(self, fact: object) -> bool:
        if isinstance(fact, str):
            if self.wildcard is not None:
                return Wildcard(f"*{self.value.casefold()}*").matches(fact.casefold())
            return self.value.casefold() in fact.casefold()
        if isinstance(fact, Mapping | list | tuple):
            return any(map(self._equals, islice(fact, _MOST_ITEMS)))
        return False

    def _in_order(self, fact: object) -> bool:
        compare = _ORDERS[self.operator]
        if isinstance(fact, int | float) and not isinstance(fact, bool):
            return self.size is not None and compare(fact, self.size.number)
        if not isinstance(fact, str):
            return False
        size = _size(fact)
        if size is not None and self.size is not None and (size.has_unit or self.size.has_unit):
            return compare(size.number, self.size.number)
        return compare(_runs(fact), _runs(self.value))


@dataclass(frozen=True, slots=True)
class _Size:
    """A number, and whether a unit stood behind it."""

    number: float
    has_unit: bool


def _condition(text: str) -> Condition:
    where = f'The condition "{excerpt(text)}"'
    if len(text) > LONGEST_CONDITION:
        raise InvalidFilter(
            f"{where} has {len(text):,} characters: at most {LONGEST_CONDITION:,} are allowed"
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidFilter(f"{where} is not UTF-8") from None
    rest = text.strip()
    negation = _NOT.match(rest)
    rest = rest[negation.end() :] if negation else rest
    name = _NAME.match(rest)
    if name is None:
        raise InvalidFilter(f"{where} does not begin with the name of a fact: {_RULE}")
    rest = rest[name.end() :]
    if not rest:
        return Condition(name[0], negated=bool(negation))
    found = _OPERATOR.match(rest)
    if found is None:
        raise InvalidFilter(f'{where} has no operator behind "{shorten(name[0])}": {_RULE}')
    sign = "=" if found[1] == "==" else found[1] or found[2]
    value, is_quoted = _value(rest[found.end() :], where)
    has_wildcard = not (is_quoted or sign in _ORDERS or {"*", "?"}.isdisjoint(value))
    return Condition(
        name[0],
        sign,
        value,
        negated=bool(negation),
        wildcard=Wildcard(value.casefold()) if has_wildcard else None,
        size=_size(value),
    )


def _value(text: str, where: str) -> tuple[str, bool]:
    """The value that *text* is, and whether it stood in quotes."""
    if quoted := _QUOTED.fullmatch(text):
        return quoted["text"], True
    if not text:
        raise InvalidFilter(f'{where} has no value: {_RULE}; nothing at all is ""')
    if text[0] in "=<>!~" or _JOINED.search(text):
        raise InvalidFilter(
            f"{where} is more than one condition, or has an operator that does not exist: {_RULE}; "
            'a value that looks so is put in quotes: NAME="VALUE"'
        )
    return text, False


def _known(server: Server, name: str) -> object:
    """What is known of *server* by *name*; None if nothing is."""
    match name:
        case "fqdn":
            return server.fqdn
        case "environment":
            return server.environment
        case "apps" | "app_names":
            return server.app_names
    return _find(server.facts, name)


def _find(facts: Mapping[str, object], name: str) -> object:
    """The fact of that name; dots lead into facts that are objects."""
    while name not in facts:
        outer, _, name = name.partition(".")
        inner = facts.get(outer)
        if not isinstance(inner, Mapping) or not name:
            return None
        facts = inner
    return facts[name]


def _each(fact: object) -> Iterator[object]:
    """The items of a list; anything else is one of its own."""
    if isinstance(fact, list | tuple):
        yield from islice(fact, _MOST_ITEMS)
    else:
        yield fact


def _size(text: str) -> _Size | None:
    found = _SIZE.fullmatch(text)
    if found is None:
        return None
    number = float(found["number"]) if "." in found["number"] else int(found["number"])
    if found["unit"] is None:
        return _Size(number, has_unit=False)
    base = 1000 if (found["ending"] or "").lower() == "b" else 1024
    return _Size(number * base ** ("kmgt".index(found["unit"].lower()) + 1), has_unit=True)


def _runs(text: str) -> list[tuple[bool, int, str]]:
    """*text* in parts that compare as people count: digits as numbers, before anything else."""
    runs = []
    for run in _RUN.findall(text.casefold()):
        is_number = "0" <= run[0] <= "9"
        digits = run.lstrip("0") if is_number else run
        runs.append((not is_number, len(digits) if is_number else 0, digits))
    return runs
