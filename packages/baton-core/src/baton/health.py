"""How the services of a process are, for those who watch over them."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from baton.link import Phase, State
from baton.times import to_iso

if TYPE_CHECKING:
    from baton.configuration import Configuration


class Described(Protocol):
    """What says how it is."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def configuration(self) -> Configuration:
        """What it was configured with."""

    @property
    def state(self) -> State:
        """How its connection is; connecting before :meth:`start`."""


class Runnable(Described, Protocol):
    """What can be run and watched over: a :class:`~baton.service.Service`."""

    def watch(self, callback: Callable[[State], None], /) -> None:
        """Have *callback* called, on the loop, with each new state."""

    def watch_pulse(self, callback: Callable[[], None], /) -> None:
        """Have *callback* called, on the loop, whenever each of its connections has gone round."""

    def start(self) -> Awaitable[None]:
        """Begin to connect."""

    def stop(self) -> Awaitable[object]:
        """Finish what is in flight, and disconnect. Returns what was abandoned, false if nothing
        was."""


class Health:
    """How *services* are. Each must go round in time, as its own configuration says."""

    def __init__(self, services: Sequence[Described]) -> None:
        self.is_stopping = False
        self._services = services
        self._patience = [longest_round(service.configuration) for service in services]
        self._rounds = [time.monotonic()] * len(services)

    def went_round(self, position: int) -> None:
        """The service at *position* has gone round."""
        self._rounds[position] = time.monotonic()

    @property
    def patience(self) -> float:
        """Seconds within which every service has gone round."""
        return max(self._patience)

    @property
    def state(self) -> State:
        """The state of the service that is the furthest from ready."""
        return State.worst(service.state for service in self._services)

    @property
    def is_alive(self) -> bool:
        """Whether every service goes round, however bad things are. (That the event loop lives is
        told by anything being told at all.)"""
        now = time.monotonic()
        rounds = zip(self._rounds, self._patience, strict=True)
        return self.is_stopping or all(now - last <= patience for last, patience in rounds)

    @property
    def is_ready(self) -> bool:
        """Whether every service receives commands."""
        return not self.is_stopping and self.is_alive and self.state.phase is Phase.READY

    def report(self) -> dict[str, Any]:
        """All of it, as what is told in JSON."""
        return {
            "pid": os.getpid(),
            "alive": self.is_alive,
            "ready": self.is_ready,
            "stopping": self.is_stopping,
            "services": [_describe(service.name, service.state) for service in self._services],
        }

    def __str__(self) -> str:
        number = len(self._services)
        if self.is_stopping:
            return "stopping"
        if number == 1:
            return str(self.state)
        ready = sum(service.state.phase is Phase.READY for service in self._services)
        return f"{ready} of {number} services are ready" + (
            "" if ready == number else f", one is {self.state}"
        )


def longest_round(configuration: Configuration) -> float:
    """Seconds after which each connection has gone round, with some room: a pulse, or the longest
    pause after a refusal, and the deadlines around them."""
    return 1.1 * configuration.pulse + 10 * configuration.reconnect_max + 4 * configuration.deadline


def _describe(name: str, state: State) -> dict[str, str]:
    return {
        "name": name,
        "state": state.phase.value,
        "since": to_iso(state.since),
        "reason": state.reason,
    }
