"""Rounds of pings: which are under way, and when it is known who let one pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from baton_ping_monitor.fleet.recent import Recent

_MOST_OPEN: Final = 100


@dataclass(frozen=True, slots=True)
class Round:
    """Pings to several *targets* that went out together, at the time *sent*: a server that more
    than one of them reaches answers one or all."""

    number: int
    sent: float
    targets: tuple[str, ...]


class Rounds:
    """The rounds of pings that were sent, each with a number that grows.

    A round is judged when *patience* seconds have passed and there was a sign of life from the
    broker after that: while nothing is heard, nobody was silent.
    """

    def __init__(self, pings: int, patience: float) -> None:
        self.begun = 0
        self.judged = 0
        self._patience = patience
        self._pings: Recent[Round] = Recent(pings)
        self._open: deque[Round] = deque(maxlen=_MOST_OPEN)
        self._alive = 0.0

    def begin(self, targets: Iterable[str], ids: Iterable[str], now: float) -> Round:
        """The pings *ids* went out to *targets* at *now*."""
        self.begun += 1
        begun = Round(self.begun, now, tuple(targets))
        for each in ids:
            self._pings.add(each, begun)
        self._open.append(begun)
        return begun

    def of(self, message_id: str | None) -> Round | None:
        """The round of the ping *message_id*, None if it is not one of ours (any more)."""
        return self._pings.get(message_id)

    def alive(self, now: float) -> None:
        """The broker gave a sign of life."""
        self._alive = max(self._alive, now)

    def set_back(self, now: float) -> None:
        """The clock was set back to *now*: what was a sign of life is none any more."""
        self._alive = min(self._alive, now)
        self.drop()

    def due(self, now: float) -> list[Round]:
        """The rounds that can be judged now, each once."""
        found: list[Round] = []
        heard = min(now, self._alive)
        while self._open and self._open[0].sent + self._patience <= heard:
            found.append(self._open.popleft())
            self.judged = found[-1].number
        return found

    def drop(self) -> None:
        """Judge none of those that are under way: nothing could be heard."""
        self._open.clear()
