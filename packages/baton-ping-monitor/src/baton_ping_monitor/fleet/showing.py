"""Making views of the fleet: what did not change is not made anew."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from baton_ping_monitor.fleet.view import EnvironmentView, FleetView, ServerView, State

if TYPE_CHECKING:
    from baton_ping_monitor.fleet.limits import Limits
    from baton_ping_monitor.fleet.record import Record

_RANK: Final = {state: number for number, state in enumerate(State)}


class Showing:
    """Makes views: servers in order, trouble first, and numbers of each environment."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._revision = 0
        self._is_ordered = False
        self._order: list[Record] = []
        self._counts: Mapping[State, int] = {}
        self._environments: tuple[EnvironmentView, ...] = ()
        self._last: FleetView | None = None

    @property
    def revision(self) -> int:
        """Grows with each change."""
        return self._revision

    def changed(self) -> None:
        """Something is not as it was shown."""
        self._revision += 1

    def reordered(self) -> None:
        """Servers came, went, moved or are in another state."""
        self._is_ordered = False
        self._revision += 1

    def view(self, servers: Mapping[str, Record], frame: FleetView) -> FleetView:
        """The view *frame*, with all that is about *servers*."""
        if self._last is not None and self._last.revision == self._revision:
            return replace(self._last, now=frame.now)
        silent = {each.subject for each in frame.incidents if each.is_environment}
        if not self._is_ordered:
            self._is_ordered = True
            self._order = sorted(servers.values(), key=_place)
            self._counts = _count(each.state for each in self._order)
            self._environments = tuple(_environments(self._order, silent))
        self._last = replace(
            frame,
            servers=self._shown(frame.now),
            environments=self._environments,
            counts=self._counts,
            revision=self._revision,
        )
        return self._last

    def _shown(self, now: float) -> tuple[ServerView, ...]:
        limits = self._limits
        return tuple([each.shown or each.view(now, limits) for each in self._order])


def _place(record: Record) -> tuple[int, str, str]:
    return _RANK[record.state], record.environment, record.fqdn


def _count(states: Iterable[State]) -> dict[State, int]:
    found = Counter(states)
    return {state: found[state] for state in State if found[state]}


def _environments(servers: Iterable[Record], silent: Container[str]) -> Iterator[EnvironmentView]:
    states: defaultdict[str, list[State]] = defaultdict(list)
    for each in servers:
        states[each.environment].append(each.state)
    for name in sorted(states):
        yield EnvironmentView(name, _count(states[name]), name in silent)
