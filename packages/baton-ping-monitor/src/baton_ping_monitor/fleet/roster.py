"""The servers that are known: a bounded number of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from baton.names import LONGEST_FQDN, check_name
from baton_ping_monitor.fleet.index import Index
from baton_ping_monitor.fleet.limits import DAY
from baton_ping_monitor.fleet.view import State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from baton_ping_monitor.fleet.record import Record

_FULL_FOR: Final = 60.0
"""Seconds for which no room is looked for when there was none."""
_FACTS_AGAIN: Final = 300.0
"""Seconds after which a server that did not tell its facts is asked for them again."""
_ALIKE: Final = 8
"""Servers that a name may reach so that facts are asked for under it."""
_PART: Final = 100
"""When there is no room, it is made for one hundredth of all servers."""


class Roster:
    """Records by name, of at most *most* servers."""

    def __init__(self, most: int) -> None:
        self.records: dict[str, Record] = {}
        self.index = Index()
        self._most = most
        self._full_until = 0.0

    def add(self, record: Record) -> None:
        """Know *record*, too."""
        self.records[record.fqdn] = record
        self.index.add(record)

    def move(self, record: Record, environment: str, app_names: tuple[str, ...]) -> None:
        """A server is in another environment than before, or runs something else."""
        self.index.remove(record)
        record.environment, record.app_names = environment, app_names
        self.index.add(record)

    def forget(self, record: Record) -> None:
        """Know *record* no more."""
        del self.records[record.fqdn]
        self.index.remove(record)

    def set_back(self, now: float) -> None:
        """The clock was set back to *now*."""
        self._full_until = min(self._full_until, now)
        for record in self.records.values():
            record.set_back(now)

    def to_forget(self, now: float) -> Collection[Record] | None:
        """Those that have to be forgotten so that there is room for another, None if there is none.

        Only servers that were not heard for a day, and that no file expects, give way: what floods
        the monitor with names drives out nobody who is there.
        """
        if len(self.records) < self._most:
            return ()
        if now < self._full_until:
            return None
        silent_since = now - DAY
        gone = [
            each
            for each in self.records.values()
            if not each.is_expected and (each.seen or 0.0) < silent_since
        ]
        if not gone:
            self._full_until = now + _FULL_FOR
            return None
        gone.sort(key=lambda each: (not each.is_retired, each.seen or 0.0))
        return gone[: max(1, self._most // _PART)]

    def reached(self, targets: Iterable[str]) -> frozenset[str]:
        """The servers that *targets* reach and that should answer: not those that are retired or
        in maintenance."""
        return frozenset(
            fqdn
            for target in targets
            for fqdn, record in self.index.reached(target).items()
            if record.state not in (State.RETIRED, State.MAINTENANCE)
        )

    def due_for_facts(self, now: float, every: float, most: int) -> list[str]:
        """At most so many servers that should be asked for their facts *now*: those that answer,
        and have not told them for *every* seconds. They are held to be asked."""
        due: list[str] = []
        again = min(every, _FACTS_AGAIN)
        for record in self.records.values():
            if len(due) == most:
                break
            if record.state is not State.UP or not record.correlates:
                continue
            told, asked = record.facts_at, record.facts_asked
            if (told is None or told <= now - every) and (asked is None or asked <= now - again):
                record.facts_asked = now
                if self._is_askable(record.fqdn):
                    due.append(record.fqdn)
        return due

    def _is_askable(self, fqdn: str) -> bool:
        """Whether *fqdn* can be the name of a server, and is not that of a whole fleet: a server
        may say that it is called ``*``."""
        try:
            check_name(fqdn, LONGEST_FQDN)
        except ValueError:
            return False
        return len(self.index.reached(fqdn)) <= _ALIKE
