"""Stores for tests of the dashboard's database, of whichever kind it is."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from baton_ping_monitor.observation import Observation
from baton_ping_monitor.settings import Retention
from baton_ping_monitor.store.records import Batch, EventFilter
from baton_ping_monitor.store.store import Store

NOON = 1_800_000_000.0
"""A full hour, for tests."""


class Stores:
    """Opens stores in the database at *url*, and closes them at the end. Their time is ``now``."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self.url = url
        self.now = NOON
        self._stack = stack

    def open(self, **retention: Any) -> Store:
        """Open one, keeping things as *retention* says."""
        store = Store.open(self.url, Retention(**retention), self.clock)
        self._stack.callback(store.close)
        return store

    def close(self) -> None:
        """Close those that are open."""
        self._stack.close()

    @property
    def clock(self) -> Callable[[], float]:
        """What gives its time."""
        return lambda: self.now


WEB, DB = "web01.example.org", "db01.example.org"
DAY = 86_400.0


def write(store: Store, *observations: Observation) -> tuple[bool, ...]:
    """Write *observations* as a batch."""
    return store.write(Batch(observations=observations))


def messages(store: Store, limit: int = 100, **which: Any) -> list[str | None]:
    """The ids of the outputs that pass a filter."""
    found = store.events(EventFilter(**which), limit)
    return [event.observation.message_id for event in found]


def pong(
    fqdn: str = "web01.example.org", at: float = NOON, message_id: str | None = None, **more: Any
) -> Observation:
    """The answer to a ping."""
    values: dict[str, Any] = {
        "kind": "pong",
        "environment": "production",
        "app_names": ("shop",),
        "summary": "pong",
        "body": f'{{"type": "pong", "fqdn": "{fqdn}"}}',
        "latency": 0.01,
        **more,
    }
    return Observation(at, "baton-ping", fqdn=fqdn, message_id=message_id, **values)


def failure(fqdn: str = "web01.example.org", at: float = NOON, **more: Any) -> Observation:
    """An answer that is an error."""
    return pong(fqdn, at, kind="error", summary="Broken: no disk", error="no disk", **more)
