"""Which servers a target reaches, and which an environment has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from baton_ping_monitor.fleet.record import Record

_NOBODY: Final[Mapping[str, Record]] = {}


class Index:
    """Finds records by the keys that reach them, and by their environment."""

    def __init__(self) -> None:
        self.environments: dict[str, dict[str, Record]] = {}
        self._reached: dict[str, dict[str, Record]] = {}

    def reached(self, target: str) -> Mapping[str, Record]:
        """The servers that *target* reaches, by name."""
        return self._reached.get(target, _NOBODY)

    def add(self, record: Record) -> None:
        """Find *record*, too."""
        self.environments.setdefault(record.environment, {})[record.fqdn] = record
        record.keys = record.reached_by()
        for key in record.keys:
            self._reached.setdefault(key, {})[record.fqdn] = record

    def remove(self, record: Record) -> None:
        """Find *record* no more. To be called before what it is found by changes."""
        _take(self.environments, record.environment, record.fqdn)
        for key in record.keys:
            _take(self._reached, key, record.fqdn)


def _take(groups: dict[str, dict[str, Record]], name: str, fqdn: str) -> None:
    group = groups.get(name)
    if group is not None:
        group.pop(fqdn, None)
        if not group:
            del groups[name]
