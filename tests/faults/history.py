"""What happened in a run, one event after the other, from all the processes that took part."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self


class Kind(StrEnum):
    """What an event tells of."""

    # of a command, by who asked
    SENT = "sent"
    """It was given to the publisher for the first time."""
    CONFIRMED = "confirmed"
    """The broker has it, in the queue of its server."""
    UNROUTABLE = "unroutable"
    """Nobody listened: the requester was told at once."""
    UNKNOWN = "unknown"
    """The broker did not say what came of it: it may still arrive."""
    FINISHED = "finished"
    """Its ``baton-end`` came; ``detail`` is the outcome."""
    MISSING = "missing"
    """The requester's account says so: nothing can come any more."""

    # of a command, by its server; ``detail`` is the instance of the service
    STARTED = "started"
    NOTIFIED = "notified"
    """Output number ``seq`` was taken by the service."""
    ENDED = "ended"
    """The handler returned."""

    # of outputs
    RESENT = "resent"
    """The service sends output number ``seq`` again: nobody knows what came of the first try."""
    STORED = "stored"
    """The broker has confirmed output number ``seq`` to the service, or without one the command's
    end."""
    SEEN = "seen"
    """The monitor got it; ``output`` is its message id."""

    # of a service
    STATE = "state"
    """``detail`` is ready, or what else its health says."""
    DRAINED = "drained"
    """The instance ``detail`` has stopped, and said that everything was finished."""
    ABANDONED = "abandoned"
    """It was to stop in good order, and did not; ``detail`` says what it gave up."""

    # of probes
    PROBED = "probed"
    """The broker has confirmed a probe, or nobody listened."""
    HEARD = "heard"
    """The service has begun with it."""
    EXPIRED = "expired"
    """The service has it, and had no time for it before it expired: it is slow, and not deaf."""
    ANSWERS = "answers"
    """The server has answered to one; ``detail`` is the seconds since this was asked."""

    # of the test
    FAULT = "fault"
    HEALED = "healed"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened ``at`` so many seconds of this machine's monotonic clock, which all
    its processes share. ``id`` is a command's message id, ``output`` an output's."""

    at: float
    kind: Kind
    id: str = ""
    server: str = ""
    output: str = ""
    seq: int = -1
    detail: str = ""


class History:
    """Events, in memory and as lines of JSON in a file. May be written by several threads."""

    def __init__(self, path: Path | None = None, events: Iterable[Event] = ()) -> None:
        self.path = path
        self._events = list(events)
        self._lock = threading.Lock()
        # Line by line: whoever is killed has said all that it knew.
        self._file = None if path is None else path.open("a", buffering=1, encoding="utf-8")

    def __iter__(self) -> Iterator[Event]:
        return iter(tuple(self._events))

    def __len__(self) -> int:
        return len(self._events)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(
        self,
        kind: Kind,
        *,
        id: str | None = "",
        server: str = "",
        output: str | None = "",
        seq: int = -1,
        detail: str = "",
    ) -> Event:
        """Write down that this happens now."""
        event = Event(time.monotonic(), kind, id or "", server, output or "", seq, detail)
        self._append(event)
        return event

    def of(self, *kinds: Kind) -> list[Event]:
        """The events of these kinds, in the order in which they happened."""
        return sorted((e for e in self if e.kind in kinds), key=lambda event: event.at)

    def merge(self, path: Path) -> None:
        """Take in what another process wrote to *path*. What it was ended in the middle of is
        passed over."""
        for event in read(path):
            self._append(event)

    def close(self) -> None:
        """Close the file. Events are still taken, in memory."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _append(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)
            if self._file is not None:
                self._file.write(json.dumps(asdict(event)) + "\n")


def read(path: Path) -> Iterator[Event]:
    """The events in a file. A last line that is not whole is passed over."""
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            fields = json.loads(line)
            yield Event(**{**fields, "kind": Kind(fields["kind"])})
