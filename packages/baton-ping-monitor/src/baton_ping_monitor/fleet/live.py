"""The fleet as views are given it: its state, by the clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baton_ping_monitor.clock import Clock
    from baton_ping_monitor.fleet.state import FleetState
    from baton_ping_monitor.fleet.view import FleetView, ServerView


class LiveFleet:
    """*state* as it is now by *clock*; *changed* is called when somebody changed it.

    Everything happens on the event loop and returns at once.
    """

    def __init__(self, state: FleetState, clock: Clock, changed: Callable[[], None]) -> None:
        self._state = state
        self._clock = clock
        self._changed = changed

    def view(self) -> FleetView:
        """How everything is now."""
        return self._state.view(self._clock())

    def server(self, fqdn: str) -> ServerView | None:
        """How one server is now, None for one that is not known."""
        return self._state.server(fqdn, self._clock())

    def maintain(self, fqdns: Sequence[str], until: float | None, by: str) -> int:
        """Put servers in maintenance *until* a time, or end it (None); how many of them are known.
        *by* is who says so."""
        known = self._state.maintain(fqdns, until, by, self._clock())
        self._changed()
        return known

    def retire(self, fqdns: Sequence[str], by: str, *, retired: bool = True) -> int:
        """Retire servers, or take that back; how many of them are known."""
        known = self._state.retire(fqdns, by, self._clock(), retired=retired)
        self._changed()
        return known
