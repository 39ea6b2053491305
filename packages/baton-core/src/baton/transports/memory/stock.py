"""What a broker in this process keeps: a queue, its messages, and who consumes them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baton.message import Envelope
from baton.transports.base import Queue

if TYPE_CHECKING:
    from baton.transports.memory.transport import MemoryTransport


@dataclass(slots=True)
class Stored:
    routing_key: str
    body: bytes
    envelope: Envelope
    expires_at: float | None
    redelivered: bool = False


@dataclass(slots=True, eq=False)
class Stock:
    declared: Queue
    owner: MemoryTransport | None
    messages: deque[Stored] = field(default_factory=deque)
    consumers: list[Consumption] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Consumption:
    transport: MemoryTransport
    queue: str
    prefetch: int
    unacknowledged: dict[int, Stored] = field(default_factory=dict)
