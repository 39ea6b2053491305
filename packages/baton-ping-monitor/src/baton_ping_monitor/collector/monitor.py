"""The monitor that hears an extension's outputs, and has them kept."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

from baton.link import Phase, State
from baton.monitor import Monitor
from baton.pace import Pace
from baton_ping_monitor.observation import Observation, malformed, observe

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.errors import InvalidMessage
    from baton.message import Message
    from baton_ping_monitor.clock import Clock

_BATCH: Final = 500

Keep = Callable[[Sequence[Observation]], Awaitable[None]]
"""Takes what was observed, and returns when it is kept: then it is acknowledged."""


class CollectingMonitor(Monitor):
    """Observes every output of *extension* and has it kept, in batches.

    What waited in the queue of an instance while it was away is as old as its sender says it is.
    That compares two machines' clocks, so it is done for the backlog alone: a queue is in order,
    and the first output that was sent after this monitor began ends it.
    """

    batch = _BATCH

    def __init__(
        self,
        configuration: Configuration,
        extension: str,
        instance: str | None,
        keep: Keep,
        clock: Clock,
    ) -> None:
        # A batch has no more than the broker sends without an acknowledgement.
        prefetch = max(configuration.prefetch, 2 * _BATCH)
        super().__init__(configuration.model_copy(update={"prefetch": prefetch}), instance)
        self.extension = extension
        self._keep = keep
        self._clock = clock
        # Timestamps are in whole seconds.
        self._backlog_before = math.floor(time.time()) if instance is not None else 0

    async def process_messages(self, messages: Sequence[Message]) -> None:
        """Have them kept."""
        seen: list[Observation] = []
        pace = Pace()
        for each in messages:
            seen.append(observe(each, self.extension, self._received(each)))
            await pace.rest()
        await self._keep(seen)

    async def process_malformed(self, raw: bytes, error: InvalidMessage) -> None:
        """Have it kept, too."""
        await self._keep([malformed(raw, error, self.extension, self._clock())])

    def _received(self, message: Message) -> float:
        """When it was received, however long it has waited here since."""
        now = self._clock()
        sent = message.timestamp
        if self._backlog_before and sent is not None:
            if sent < self._backlog_before:
                return min(now, max(sent, 0.0))
            self._backlog_before = 0
        if message.received is None:
            return now
        return now - max(0.0, time.monotonic() - message.received)


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
