"""The monitor that feeds the table."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from baton.errors import InvalidMessage
from baton.link import Phase, State
from baton_ping.monitor import PingMonitor

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.message import Message
    from baton_ping_monitor.fleet.state import FleetState


class FleetMonitor(PingMonitor):
    """Records every output in a :class:`FleetState`, by the time of :func:`time.monotonic`.

    What waited in the queue of an instance while it was away is as old as its sender says it is.
    That compares two machines' clocks, so it is done for the backlog alone: a queue is in order,
    and the first output that was sent after this monitor began ends it.
    """

    def __init__(
        self, configuration: Configuration, state: FleetState, instance: str | None = None
    ) -> None:
        super().__init__(configuration, instance)
        self._state = state
        # Timestamps are in whole seconds.
        self._backlog_before = math.floor(time.time()) if instance is not None else 0

    def process_message(self, message: Message) -> None:
        """Record it."""
        self._state.record(message, time.monotonic() - self._waited(message))

    def process_malformed(self, raw: bytes, error: InvalidMessage) -> None:
        """Count it."""
        super().process_malformed(raw, error)
        self._state.malformed()

    def describe(self) -> str:
        """How the connection is, in words for people."""
        return describe(self.state)

    def _waited(self, message: Message) -> float:
        sent = message.timestamp
        if sent is None or not self._backlog_before:
            return 0.0
        if sent >= self._backlog_before:
            self._backlog_before = 0
            return 0.0
        return time.time() - sent


def describe(state: State) -> str:
    """*state* in words for people.

    >>> describe(State(Phase.READY))
    'Connected'
    """
    since = time.strftime("%H:%M:%S", time.localtime(state.since))
    match state.phase:
        case Phase.READY:
            return "Connected"
        case Phase.CONNECTING:
            return "Connecting"
        case Phase.BLOCKED | Phase.DISCONNECTED:
            return f"{state.phase.capitalize()} since {since}: {state.reason}"
