"""Several rounds of one command: who was lost in which, and how fast they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baton.cli.fleet.summary import name_of
from baton.text import shorten

if TYPE_CHECKING:
    from baton.cli.fleet.answers import Describe
    from baton.fleet import Reply, Result

_MOST: Final = 100_000
"""Servers that it keeps account of: names come from the network."""


@dataclass(slots=True)
class Track:
    """What is known of one server. Times are in seconds.

    ``asked`` counts the rounds since it was first heard of; ``last`` is None if it was lost in the
    last one; ``said`` is what it said then, or its error.
    """

    asked: int = 0
    answered: int = 0
    last: float | None = None
    total: float = 0.0
    slowest: float = 0.0
    said: str = ""
    is_failing: bool = False

    @property
    def lost(self) -> int:
        """Rounds in which it did not answer."""
        return self.asked - self.answered

    @property
    def average(self) -> float | None:
        """The average of its times."""
        return self.total / self.answered if self.answered else None

    def heard(self, elapsed: float, said: str, is_failing: bool) -> None:
        """It answered in this round."""
        self.answered += 1
        self.last = elapsed
        self.total += elapsed
        self.slowest = max(self.slowest, elapsed)
        self.said, self.is_failing = said, is_failing


class Series:
    """The account of several rounds.

    *names* are the servers that are known before; another one is known when it answers. *number*
    is how many there should be. ``bad`` counts the rounds in which not all was well.
    """

    def __init__(
        self, describe: Describe, names: frozenset[str] = frozenset(), number: int = 0
    ) -> None:
        self.rounds = 0
        self.bad = 0
        self.asked = 0
        self.answered = 0
        self.tracks = {name_of(name): Track() for name in sorted(names)}
        self._describe = describe
        self._number = number
        self._heard: dict[str, tuple[float, str, bool]] = {}

    def reply(self, reply: Reply) -> None:
        """A server says something in this round: the time is that of its first output."""
        name = name_of(reply.fqdn)
        elapsed, said, is_failing = self._heard.get(name, (reply.elapsed, "", False))
        if reply.succeeded is False:
            words = reply.message.get("error_message") or reply.outcome
            said, is_failing = f"error: {shorten(str(words))}", True
        elif reply.is_output and not is_failing:
            said = shorten(self._describe(reply))
        if name in self._heard or len(self._heard) < _MOST:
            self._heard[name] = (elapsed, said, is_failing)

    def finish(self, result: Result | None) -> None:
        """A round is over; *result* is None if nobody could be asked."""
        self.rounds += 1
        self.bad += result is None or not result.succeeded
        for name in self._heard:
            if name not in self.tracks and len(self.tracks) < _MOST:
                self.tracks[name] = Track()
        for name, track in self.tracks.items():
            track.asked += 1
            track.last = None
            if name in self._heard:
                track.heard(*self._heard[name])
        self.asked += max(self._number, len(self.tracks))
        self.answered += len(self._heard)
        self._heard = {}

    @property
    def loss(self) -> float:
        """The share of answers that did not come, from 0 to 1."""
        return 1 - self.answered / self.asked if self.asked else 0.0

    @property
    def is_good(self) -> bool:
        """Whether each round went well, and no server was lost in one."""
        return not self.bad and not self.loss

    def lost(self) -> Iterator[tuple[str, Track]]:
        """The servers that were lost, those that were lost most first."""
        for name, track in sorted(self.tracks.items(), key=lambda each: (-each[1].lost, each[0])):
            if not track.lost:
                return
            yield name, track

    def times(self) -> tuple[float, float] | None:
        """The average and the longest time of all."""
        answered = [track for track in self.tracks.values() if track.answered]
        if not answered:
            return None
        total = sum(track.total for track in answered)
        count = sum(track.answered for track in answered)
        return total / count, max(track.slowest for track in answered)
