"""The tally: who has said what, kept while replies stream by and are forgotten.

Of a server it keeps its name, its instance and one time; of one that failed the reason, cut.
"""

from __future__ import annotations

import logging
from array import array
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from baton.fleet.latency import latency_of
from baton.fleet.reply import Reply
from baton.fleet.result import Duplicate, Failure, Latency
from baton.text import excerpt

logger = logging.getLogger(__name__)

MOST_INSTANCES: Final = 100_000
"""Services that are told apart. Of what more of them say, only who is waited for is counted."""
_MOST_REASONS: Final = 10_000
"""Failures whose reasons are kept."""
_FAILURES: Final = ("failed", "expired")


@dataclass(slots=True)
class _Fault:
    """Why an instance has not done it, as far as it has said."""

    outcome: str = "failed"
    error_class: str = ""
    error_message: str = ""


class Tally:
    """Counts replies, each given once to :meth:`add`.

    ``waiting`` are names that have to finish: its owner adds to it, and those who finish leave it.
    ``finished`` has the names of servers that have, ``originals`` those of Ruby servers, who have
    no way to say so.
    """

    def __init__(self) -> None:
        self.replies = 0
        self.slowest = 0.0
        self.finished: set[str] = set()
        self.originals: set[str] = set()
        self.waiting: set[str] = set()
        self._targets: set[str] = set()
        self._unheard: dict[str, None] = {}
        self._unfinished: set[str] = set()
        self._placeless = False
        self._instances: dict[str, str] = {}
        self._open: set[str] = set()
        self._ended: set[str] = set()
        self._nameless: set[str] = set()
        self._faults: dict[str, _Fault] = {}
        self._times = array("d")
        self._both = 0
        """Names that are finished and original; counted, since it is asked at every reply."""
        self._overflowed = False

    def ask(self, targets: Iterable[str]) -> None:
        """The command goes to *targets*."""
        for target in targets:
            self._targets.add(target)
            self._unheard[target] = None
            if target not in self.finished:
                self._unfinished.add(target)

    def give_up(self, targets: Collection[str]) -> None:
        """Nobody listens on *targets*: nothing comes from them."""
        for target in targets:
            self._unheard.pop(target, None)
        self._unfinished.difference_update(targets)
        self.waiting.difference_update(targets)

    def add(self, reply: Reply, keys: Collection[str]) -> None:
        """*reply* came from a server that *keys* reach."""
        instance = reply.instance
        known = self._instances.get(instance)
        # A service is on one server, whatever else it says later.
        name = known or reply.fqdn
        self.replies += reply.is_output
        if known is None and not self._may_know(reply, name):
            return
        self._hear(reply, keys)
        if known is None:
            self._times.append(reply.elapsed)
            self.slowest = max(self.slowest, reply.elapsed)
        if name != known:
            self._instances[instance] = name
            if instance in self._nameless:
                self._nameless.discard(instance)
                self._finish(name)
        self._blame(reply)
        if reply.original:
            self._answer_as_original(name)
        elif reply.end is None:
            if instance not in self._ended:  # what its handler left running may say more
                self._open.add(instance)
        else:
            self._open.discard(instance)
            self._ended.add(instance)
            if name:
                self._finish(name)
            else:
                self._nameless.add(instance)

    @property
    def answered(self) -> int:
        """How many servers have finished: by name, or by instance where they say none."""
        return len(self.finished) + len(self._nameless)

    @property
    def answered_at_all(self) -> int:
        """How many servers have answered: those that have finished, and Ruby servers."""
        return self.answered + len(self.originals) - self._both

    @property
    def targets_finished(self) -> bool:
        """Whether each target is a server that has finished, and nobody else is at it."""
        return not self._unfinished and not self._open

    @property
    def silent(self) -> tuple[str, ...]:
        """The targets that somebody listens on, and from which nothing came, as far as servers
        say where they are."""
        return () if self._placeless else tuple(self._unheard)

    def is_busy(self, names: Collection[str]) -> bool:
        """Whether a service of one of *names*, or without a name, has begun and not finished."""
        found = (self._instances.get(instance, "") for instance in self._open)
        return any(not name or name in names for name in found)

    def has_finished(self, name: str) -> bool:
        """Whether the server of that *name* has, or is a Ruby server that has answered."""
        return name in self.finished or name in self.originals

    def names(self) -> set[str]:
        """The names of all that have said something."""
        return {name for name in self._instances.values() if name}

    def duplicates(self) -> tuple[Duplicate, ...]:
        """The names that several instances answer by."""
        counts = Counter(filter(None, self._instances.values()))
        return tuple(Duplicate(name, count) for name, count in sorted(counts.items()) if count > 1)

    def failures(self) -> tuple[Failure, ...]:
        """Who has not done it, each server once, in the order in which they said so."""
        found: dict[str, Failure] = {}
        for instance, fault in self._faults.items():
            name = self._instances[instance]
            failure = Failure(name, fault.outcome, fault.error_class, fault.error_message)
            found.setdefault(name or f"\0{instance}", failure)
        return tuple(found.values())

    def failed_names(self) -> set[str]:
        """The names of those that have not done it, or their instances where they say none."""
        return {self._instances[instance] or instance for instance in self._faults}

    def latency(self) -> Latency | None:
        """How fast the first reply of each server came; None if none did."""
        return latency_of(self._times)

    def _may_know(self, reply: Reply, name: str) -> bool:
        """Whether its instance, a new one, may become known: whoever makes them up without end
        does not fill the memory, nor keep those that are waited for from being counted."""
        if len(self._instances) < MOST_INSTANCES:
            return True
        if not self._overflowed:
            logger.warning("More than %d services answer: not all are counted", MOST_INSTANCES)
        self._overflowed = True
        return name in self.waiting and (reply.original or reply.end is not None)

    def _hear(self, reply: Reply, keys: Collection[str]) -> None:
        if self._unheard:
            for key in keys:
                self._unheard.pop(key, None)
        if not reply.original and self._targets.isdisjoint(keys):
            # It does not say where it is, or listens on a key of its own: it may be any of them.
            self._placeless = True

    def _blame(self, reply: Reply) -> None:
        if reply.succeeded is not False:
            return
        fault = self._faults.setdefault(reply.instance, _Fault())
        if reply.outcome in _FAILURES:
            fault.outcome = reply.outcome
        is_told = bool(fault.error_class or fault.error_message)
        has_room = len(self._faults) <= _MOST_REASONS
        if reply.message.type == "error" and has_room and not is_told:
            fault.error_class = _said(reply, "error_class")
            fault.error_message = _said(reply, "error_message")

    def _answer_as_original(self, name: str) -> None:
        if name and name not in self.originals:
            self.originals.add(name)
            self._both += name in self.finished
        self.waiting.discard(name)

    def _finish(self, name: str) -> None:
        if name not in self.finished:
            self.finished.add(name)
            self._both += name in self.originals
        self.waiting.discard(name)
        self._unfinished.discard(name)


def _said(reply: Reply, field: str) -> str:
    return excerpt(str(reply.message.get(field, "")))
