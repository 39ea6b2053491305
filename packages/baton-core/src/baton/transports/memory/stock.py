"""What a broker in this process keeps: a queue, its messages, and who consumes them."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from baton.message import Envelope
from baton.transports.base import Queue

if TYPE_CHECKING:
    from baton.transports.memory.transport import MemoryTransport

_DELIVERY_LIMIT: Final = 20
"""RabbitMQ 4's, of a quorum queue that has none of its own."""


@dataclass(slots=True)
class Stored:
    """A message in a queue. ``delivery_count`` is how often it was delivered in vain; ``has_died``
    whether it was dead-lettered before, so that its headers say that truly."""

    routing_key: str
    body: bytes
    envelope: Envelope
    expires_at: float | None
    exchange: str = ""
    redelivered: bool = False
    delivery_count: int = 0
    has_died: bool = False

    @property
    def has_expired(self) -> bool:
        """Whether it is not to be delivered any more."""
        return self.expires_at is not None and self.expires_at <= time.monotonic()


@dataclass(slots=True, eq=False)
class Consumption:
    """Somebody consumes a queue, and has what he did not acknowledge yet. One with a prefetch of
    0 has cancelled."""

    transport: MemoryTransport
    queue: str
    prefetch: int
    unacknowledged: dict[int, Stored] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Stock:
    """A queue with what waits in it."""

    declared: Queue
    owner: MemoryTransport | None
    messages: deque[Stored] = field(default_factory=deque)
    consumers: list[Consumption] = field(default_factory=list)
    size: int = 0
    """Bytes of the bodies that wait."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What it was declared with."""
        return self.declared.arguments

    @property
    def dead_letter_exchange(self) -> str | None:
        """Where what is rejected or expires goes; None if it is dropped."""
        return self.arguments.get("x-dead-letter-exchange")

    @property
    def _is_quorum(self) -> bool:
        return self.arguments.get("x-queue-type") == "quorum"

    def free(self) -> Consumption | None:
        """Who is to have the next message; None if nobody may have one now."""
        consumers = [each for each in self.consumers if each.prefetch]
        if self.arguments.get("x-single-active-consumer"):
            consumers = consumers[:1]
        able = [each for each in consumers if len(each.unacknowledged) < each.prefetch]
        return min(able, key=lambda each: len(each.unacknowledged), default=None)

    def put(self, stored: Stored) -> bool:
        """Have *stored* wait, behind all others; where there is no room, the oldest are dropped, or
        *stored* is refused: whether it was not."""
        ttl = self.arguments.get("x-message-ttl")
        if ttl is not None:
            limit = time.monotonic() + ttl / 1000
            stored.expires_at = min(limit, stored.expires_at or limit)
        most = self.arguments.get("x-max-length", math.inf)
        most_bytes = self.arguments.get("x-max-length-bytes", math.inf)
        is_full = len(self.messages) >= most or self.size + len(stored.body) > most_bytes
        if is_full and self.arguments.get("x-overflow") == "reject-publish":
            return False
        self.messages.append(stored)
        self.size += len(stored.body)
        while len(self.messages) > most or self.size > most_bytes:
            self.take()
        return True

    def take(self) -> Stored:
        """Take out what has waited longest."""
        stored = self.messages.popleft()
        self.size -= len(stored.body)
        return stored

    def put_back(self, messages: list[Stored]) -> list[Stored]:
        """Have *messages* wait again, before all others; returns those that were delivered in vain
        too often."""
        limit = self.arguments.get("x-delivery-limit", _DELIVERY_LIMIT)
        spent = []
        for stored in reversed(messages):
            stored.redelivered = True
            stored.delivery_count += self._is_quorum
            if self._is_quorum and 0 <= limit < stored.delivery_count:
                spent.append(stored)
            else:
                self.messages.appendleft(stored)
                self.size += len(stored.body)
        return spent[::-1]

    def forget_transient(self) -> None:
        """The broker starts again: a classic queue has on disk what is persistent alone."""
        if not self._is_quorum:
            self.messages = deque(each for each in self.messages if each.envelope.persistent)
            self.size = sum(len(each.body) for each in self.messages)
