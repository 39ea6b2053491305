"""A broker in this process: exchanges, queues and bindings behind one lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from baton.errors import BrokerUnavailable, FlagMismatch, Locked, MessageTooLarge, NotFound
from baton.message import BCC_HEADER, Envelope
from baton.transports.base import MAX_MESSAGE_SIZE, Exchange, Publication, Queue, Topology
from baton.transports.memory.stock import Consumption, Stock, Stored

if TYPE_CHECKING:
    from baton.transports.memory.transport import MemoryTransport

_brokers: dict[str, MemoryBroker] = {}
"""By name: a URL is all that the two sides of a test or a demonstration share."""


def memory_broker(name: str = "memory") -> MemoryBroker:
    """The broker that ``memory://<name>`` means in this process, made at first use."""
    return _brokers.setdefault(name, MemoryBroker())


def forget_memory_broker(name: str) -> None:
    """Have ``memory://<name>`` mean a new broker at its next use."""
    _brokers.pop(name, None)


class MemoryBroker:
    """Exchanges, queues and bindings behind one lock; may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._exchanges: dict[str, Exchange] = {}
        self._queues: dict[str, Stock] = {}
        self._bindings: dict[tuple[str, str], dict[str, None]] = {}
        self._transports: set[MemoryTransport] = set()
        self._down: str | None = None
        self._blocked = False

    @property
    def exchanges(self) -> list[Exchange]:
        """What is declared now."""
        with self._lock:
            return list(self._exchanges.values())

    @property
    def queues(self) -> list[Queue]:
        """What is declared now."""
        with self._lock:
            return [queue.declared for queue in self._queues.values()]

    @property
    def bindings(self) -> set[tuple[str, str, str]]:
        """What is bound now: exchange, key, queue."""
        with self._lock:
            return {(ex, key, q) for (ex, key), queues in self._bindings.items() for q in queues}

    def stop(self, reason: str = "connection refused") -> None:
        """Lose every connection and refuse new ones, until :meth:`start`."""
        with self._lock:
            self._down = reason
            self.disconnect()

    def start(self) -> None:
        """Accept connections again. Durable exchanges and queues are still there."""
        with self._lock:
            self._down = None

    def disconnect(self) -> None:
        """Lose every connection."""
        with self._lock:
            for transport in list(self._transports):
                transport.detach(BrokerUnavailable("memory (the connection was lost)"))

    def close_channels(self) -> None:
        """Close the data channel of every connection."""
        with self._lock:
            for transport in list(self._transports):
                transport.close_channel(NotFound("memory: the channel was closed"))

    def block(self) -> None:
        """Raise a resource alarm: nothing that is published is taken until :meth:`unblock`."""
        self._set_blocked(True)

    def unblock(self) -> None:
        """Clear the alarm; what was published meanwhile is taken now."""
        self._set_blocked(False)

    def delete_exchange(self, name: str) -> None:
        """Delete an exchange with its bindings."""
        with self._lock:
            self._exchanges.pop(name, None)
            for exchange, key in list(self._bindings):
                if exchange == name:
                    del self._bindings[exchange, key]

    def delete_queue(self, name: str) -> None:
        """Delete a queue with what waits in it; who consumes it is told."""
        with self._lock:
            queue = self._queues.pop(name, None)
            for queues in self._bindings.values():
                queues.pop(name, None)
            for consumer in queue.consumers if queue else ():
                consumer.transport.drop_consumer(consumer)

    def declare(self, topology: Topology, owner: MemoryTransport) -> None:
        """Assert *topology* for *owner*; raises what RabbitMQ would answer."""
        with self._lock:
            for exchange in topology.exchanges:
                if self._exchanges.setdefault(exchange.name, exchange) != exchange:
                    raise FlagMismatch(
                        f'The exchange "{exchange.name}" exists with '
                        f"durable={not exchange.durable}: set INTEROP, or delete the exchange"
                    )
            for queue in topology.queues:
                self._declare_queue(queue, owner)
            for binding in topology.bindings:
                if binding.exchange not in self._exchanges:
                    raise NotFound(f"no exchange '{binding.exchange}'")
                self.queue(binding.queue, owner)
                self._bindings.setdefault((binding.exchange, binding.key), {})[binding.queue] = None

    def queue(self, name: str, owner: MemoryTransport) -> Stock:
        """The queue of that name, if it exists and *owner* may use it."""
        queue = self._queues.get(name)
        if queue is None:
            raise NotFound(f"no queue '{name}'")
        if queue.owner not in (None, owner):
            raise Locked(f'The queue "{name}" is held by another connection')
        return queue

    def publish(self, publication: Publication) -> bool:
        """Route *publication* and say whether a queue took it; raises NotFound, MessageTooLarge."""
        with self._lock:
            if publication.exchange and publication.exchange not in self._exchanges:
                raise NotFound(f"no exchange '{publication.exchange}'")
            if len(publication.body) > MAX_MESSAGE_SIZE:
                raise MessageTooLarge(len(publication.body), MAX_MESSAGE_SIZE)
            headers = publication.envelope.headers
            keys = [publication.routing_key, *headers.get(BCC_HEADER, ())]
            names = {
                name for key in keys for name in self._bindings.get((publication.exchange, key), ())
            }
            envelope = _without_bcc(publication.envelope)
            expires = envelope.expires
            expires_at = None if expires is None else time.monotonic() + expires
            for name in names:
                self._queues[name].messages.append(
                    Stored(publication.routing_key, publication.body, envelope, expires_at)
                )
                self.dispatch(name)
            return bool(names)

    def dispatch(self, name: str) -> None:
        """Deliver what waits in the queue *name* as far as its consumers' prefetch allows."""
        queue = self._queues.get(name)
        while queue and queue.messages:
            stored = queue.messages[0]
            if stored.expires_at is not None and stored.expires_at <= time.monotonic():
                queue.messages.popleft()
                continue
            free = [c for c in queue.consumers if len(c.unacknowledged) < c.prefetch]
            if not free:
                return
            queue.messages.popleft()
            consumer = min(free, key=lambda consumer: len(consumer.unacknowledged))
            consumer.transport.deliver(consumer, stored)

    def attach(self, transport: MemoryTransport) -> None:
        """Accept a connection; raises BrokerUnavailable while the broker is stopped."""
        with self._lock:
            if self._down is not None:
                raise BrokerUnavailable(f"memory ({self._down})")
            self._transports.add(transport)

    def forget(self, transport: MemoryTransport) -> None:
        """A connection has gone: its exclusive queues go too, what it held is delivered again."""
        with self._lock:
            self._transports.discard(transport)
            for name, queue in list(self._queues.items()):
                if queue.owner is transport:
                    self.delete_queue(name)

    def requeue(self, consumer: Consumption) -> None:
        """A consumer has gone: what it did not acknowledge stands at the head of the queue."""
        queue = self._queues.get(consumer.queue)
        if queue is None:
            return
        if consumer in queue.consumers:
            queue.consumers.remove(consumer)
        for stored in reversed(consumer.unacknowledged.values()):
            stored.redelivered = True
            queue.messages.appendleft(stored)
        self.dispatch(consumer.queue)

    @property
    def lock(self) -> threading.RLock:
        """Held by a transport while it changes what the broker sees."""
        return self._lock

    @property
    def blocked(self) -> bool:
        """Whether an alarm is raised."""
        return self._blocked

    @property
    def down(self) -> str | None:
        """Why no connection is accepted, None while they are."""
        return self._down

    def _set_blocked(self, blocked: bool) -> None:
        with self._lock:
            self._blocked = blocked
            for transport in list(self._transports):
                transport.set_blocked(blocked)

    def _declare_queue(self, queue: Queue, owner: MemoryTransport) -> None:
        known = self._queues.get(queue.name)
        if known is None:
            self._queues[queue.name] = Stock(queue, owner if queue.exclusive else None)
        elif known.owner not in (None, owner):
            raise Locked(f'The queue "{queue.name}" is held by another connection')
        elif known.declared != queue:
            raise FlagMismatch(f'The queue "{queue.name}" exists with other flags: delete it')


def _without_bcc(envelope: Envelope) -> Envelope:
    if BCC_HEADER not in envelope.headers:
        return envelope
    headers: Mapping[str, Any] = {k: v for k, v in envelope.headers.items() if k != BCC_HEADER}
    return replace(envelope, headers=headers)
