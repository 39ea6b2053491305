"""What one call of ``publish`` waits for: its publications, and what became of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from baton.errors import PublishTimeout
from baton.transports.base import Publication


class Batch:
    """The publications of one call. The caller waits for ``done``; the I/O thread settles them.

    ``deadline`` is on the monotonic clock: what was not sent by then never is.
    """

    __slots__ = ("_open", "deadline", "done", "finished", "outcomes", "pending", "timeout")

    def __init__(self, publications: Sequence[Publication], timeout: float) -> None:
        self.timeout = timeout
        self.deadline = time.monotonic() + timeout
        self.done = threading.Event()
        self.finished: Callable[[Batch], None] | None = None
        self.outcomes: list[Exception | None] = [None] * len(publications)
        self.pending = [Pending(item, self, at) for at, item in enumerate(publications)]
        self._open = len(publications)

    @property
    def is_settled(self) -> bool:
        """Whether every publication has its outcome."""
        return self._open == 0

    def settle(self, index: int, outcome: Exception | None) -> None:
        """Note the outcome of one; after the last, call ``finished`` and wake the caller."""
        self.outcomes[index] = outcome
        self._open -= 1
        if self._open == 0:
            if self.finished is not None:
                self.finished(self)
            self.done.set()


@dataclass(slots=True, eq=False)
class Pending:
    """A publication on its way.

    ``sent``: it is in flight on the present channel. ``doubtful``: it was in flight on a channel
    that is lost, the broker may have taken it. ``suspect``: it may be why the broker closed that
    channel. ``settled``: its outcome is known, or its deadline is over.
    """

    publication: Publication
    batch: Batch
    index: int
    sent: bool = False
    doubtful: bool = False
    suspect: bool = False
    settled: bool = False

    def settle(self, outcome: Exception | None) -> None:
        """This became of it. Whatever comes after the first outcome is passed over."""
        if not self.settled:
            self.settled = True
            self.batch.settle(self.index, outcome)

    def refuse(self, error: Exception) -> None:
        """It was not taken now. If it may have been taken before, its outcome is unknown: to say
        that it went nowhere would be to say that no server does it."""
        if self.doubtful:
            error = PublishTimeout(
                "It was sent before a connection was lost, and may have been done; "
                f"it was sent again, and not taken: {error}"
            )
        self.settle(error)
