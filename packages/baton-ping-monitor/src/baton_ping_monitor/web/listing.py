"""Which servers a list shows, and in which order: what the address of the page says.

Pages and documents read the same query, so that a filter can be taken from the one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from baton_ping_monitor.fleet.view import ServerView, State

PAGE_SIZE: Final = 100
"""Servers on a page."""
NOWHERE: Final = "-"
"""What the environment of servers that have none is called in an address."""
_TEXT_LIMIT: Final = 300
_MOST_PAGES: Final = 10_000

SLUGS: Final[Mapping[str, State]] = {state.name.lower().replace("_", "-"): state for state in State}
"""The states by what they are called in an address."""
_SLUG_OF: Final = {state: slug for slug, state in SLUGS.items()}
_RANK: Final = {state: rank for rank, state in enumerate(State)}

Key = Callable[[ServerView], Any]
COLUMNS: Final[Mapping[str, Key]] = {
    "state": lambda it: _RANK[it.state],
    "server": lambda it: it.fqdn,
    "environment": lambda it: it.environment,
    "pong": lambda it: it.last_pong,
    "latency": lambda it: it.latency,
    "flaps": lambda it: it.flaps,
    "errors": lambda it: it.errors,
}
"""What a list can be sorted by; None is not known, and comes last."""


def slug(state: State) -> str:
    """What *state* is called in an address and in a style sheet.

    >>> slug(State.NEVER_SEEN)
    'never-seen'
    """
    return _SLUG_OF[state]


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for; the default is everything but what is retired, trouble first.

    ``text`` are words that all have to occur in a server's name, environment, apps, state or last
    error. ``sort`` is one of :data:`COLUMNS`, ``page`` counts from 1.
    """

    states: frozenset[State] = frozenset()
    environment: str = ""
    app: str = ""
    text: str = ""
    sort: str = "state"
    descending: bool = False
    page: int = 1

    @classmethod
    def parse(cls, items: Iterable[tuple[str, str]]) -> Query:
        """The query of an address. What it cannot mean is passed over: addresses are written by
        hand, too.

        >>> Query.parse([("state", "late"), ("sort", "-latency"), ("page", "x")])
        Query(states=frozenset({<State.LATE: 'late'>}), environment='', app='', text='', \
sort='latency', descending=True, page=1)
        """
        given = list(items)
        values = {key: value[:_TEXT_LIMIT] for key, value in given}
        sort = values.get("sort", "")
        column = sort.removeprefix("-")
        number = values.get("page", "")
        return cls(
            states=frozenset(SLUGS[v] for k, v in given if k == "state" and v in SLUGS),
            environment=values.get("environment", ""),
            app=values.get("app", ""),
            text=values.get("q", "").strip(),
            sort=column if column in COLUMNS else "state",
            descending=sort.startswith("-") and column in COLUMNS,
            page=_page(number),
        )

    def encode(self, **changes: Any) -> str:
        """The query as an address has it, with *changes*, without what is the default.

        >>> Query(text="web 1").encode(sort="flaps", descending=True)
        'q=web+1&sort=-flaps'
        """
        query = replace(self, **changes)
        order = ("-" if query.descending else "") + query.sort
        pairs = [("state", slug(state)) for state in State if state in query.states]
        pairs += [
            ("environment", query.environment),
            ("app", query.app),
            ("q", query.text),
            ("sort", "" if order == "state" else order),
            ("page", "" if query.page == 1 else str(query.page)),
        ]
        return urlencode([(key, value) for key, value in pairs if value])

    @property
    def is_filtered(self) -> bool:
        """Whether it leaves out anything but what is retired."""
        return bool(self.states or self.environment or self.app or self.text)

    def select(self, servers: Iterable[ServerView]) -> list[ServerView]:
        """Those of *servers* that are asked for, in order. Their own order breaks ties."""
        found = [server for server in servers if self._wants(server)]
        words = self.text.lower().split()
        if words:
            found = [server for server in found if _has(server, words)]
        if self.sort == "state" and not self.descending:
            return found  # as a view has them
        return _ordered(found, COLUMNS[self.sort], self.descending)

    def _wants(self, server: ServerView) -> bool:
        if self.states:
            if server.state not in self.states:
                return False
        elif server.state is State.RETIRED:
            return False
        if self.environment and (server.environment or NOWHERE) != self.environment:
            return False
        return not self.app or self.app in server.app_names


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what was found: ``number`` of ``pages``, counted from 1; ``total`` is all of it."""

    servers: Sequence[ServerView]
    number: int
    pages: int
    total: int

    @property
    def first(self) -> int:
        """The number of the first server on it, counted from 1; 0 if there is none."""
        return (self.number - 1) * PAGE_SIZE + 1 if self.servers else 0

    @property
    def last(self) -> int:
        """The number of the last server on it."""
        return self.first + len(self.servers) - 1 if self.servers else 0


def paginate(found: Sequence[ServerView], number: int) -> Page:
    """Page *number* of what was found, or the last one that there is."""
    pages = max(1, -(-len(found) // PAGE_SIZE))
    number = min(number, pages)
    start = (number - 1) * PAGE_SIZE
    return Page(found[start : start + PAGE_SIZE], number, pages, len(found))


def apps_of(servers: Iterable[ServerView]) -> list[str]:
    """The apps that occur."""
    return sorted({name for server in servers for name in server.app_names if name})


def _page(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST_PAGES))):
        return 1
    return max(1, int(text))


def _has(server: ServerView, words: Sequence[str]) -> bool:
    parts = (server.fqdn, server.environment, *server.app_names, server.state, server.last_error)
    text = "\n".join(parts).lower()
    return all(word in text for word in words)


def _ordered(servers: Sequence[ServerView], key: Key, descending: bool) -> list[ServerView]:
    known = [server for server in servers if key(server) is not None]
    unknown = [server for server in servers if key(server) is None]
    return sorted(known, key=key, reverse=descending) + unknown
