"""How a server is, in a word: its state, and whether it fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from baton_ping_monitor.fleet.view import State

if TYPE_CHECKING:
    from baton_ping_monitor.fleet.view import ServerView


class Condition(StrEnum):
    """The states, and among them that a server answers with errors; the worst first."""

    MISSING = State.MISSING.value
    NEVER_SEEN = State.NEVER_SEEN.value
    LATE = State.LATE.value
    FAILING = "failing"
    QUIET = State.QUIET.value
    UP = State.UP.value
    MAINTENANCE = State.MAINTENANCE.value
    RETIRED = State.RETIRED.value


STYLES: Final = {
    Condition.MISSING: "bold magenta",
    Condition.NEVER_SEEN: "magenta",
    Condition.LATE: "yellow",
    Condition.FAILING: "bold red",
    Condition.QUIET: "dim",
    Condition.UP: "green",
    Condition.MAINTENANCE: "cyan",
    Condition.RETIRED: "dim",
}
_SHAPES: Final = dict(zip(Condition, "✖◇◐▲○●◆–", strict=True))
_ASCII_SHAPES: Final = dict(zip(Condition, "xn~!?*#-", strict=True))
_RANK: Final = {condition: number for number, condition in enumerate(Condition)}


def condition(server: ServerView) -> Condition:
    """How *server* is."""
    if server.is_failing and server.state in (State.UP, State.QUIET):
        return Condition.FAILING
    return Condition(server.state.value)


def counts(servers: Iterable[ServerView]) -> dict[Condition, int]:
    """How many of *servers* are in each condition that occurs, the worst first."""
    found = Counter(map(condition, servers))
    return {each: found[each] for each in Condition if found[each]}


def in_order(servers: Iterable[ServerView]) -> tuple[ServerView, ...]:
    """*servers*, trouble first."""
    return tuple(sorted(servers, key=lambda each: _RANK[condition(each)]))


def shape(of: Condition, *, plain: bool = False) -> str:
    """A sign that is told from the others without colour; *plain* in ASCII."""
    return (_ASCII_SHAPES if plain else _SHAPES)[of]
