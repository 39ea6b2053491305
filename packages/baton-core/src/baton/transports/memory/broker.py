"""A broker in this process: exchanges, queues and bindings behind one lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from baton.errors import BrokerUnavailable, FlagMismatch, Locked, MessageTooLarge, NotFound
from baton.message import Envelope
from baton.transports.base import (
    MAX_MESSAGE_SIZE,
    Binding,
    Exchange,
    Publication,
    Queue,
    Topology,
)
from baton.transports.memory.routing import Bindings, died, without_bcc
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
        self._bindings = Bindings()
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
            return {(each.exchange, each.key, each.queue) for each in self._bindings.all()}

    def stop(self, reason: str = "connection refused") -> None:
        """Lose every connection and refuse new ones, until :meth:`start`. As when a node ends, what
        is not durable is gone, and what is not persistent in a classic queue."""
        with self._lock:
            self._down = reason
            self.disconnect()
            for exchange in list(self._exchanges.values()):
                if not exchange.durable:
                    self.delete_exchange(exchange.name)
            for name, queue in list(self._queues.items()):
                if not queue.declared.durable:
                    self.delete_queue(name)
                queue.forget_transient()

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
            self._bindings.forget_exchange(name)

    def delete_queue(self, name: str) -> None:
        """Delete a queue with what waits in it; who consumes it is told."""
        with self._lock:
            queue = self._queues.pop(name, None)
            self._bindings.forget_queue(name)
            for consumer in queue.consumers if queue else ():
                consumer.transport.drop_consumer(consumer)

    def declare(self, topology: Topology, owner: MemoryTransport) -> None:
        """Assert *topology* for *owner*; raises what RabbitMQ would answer."""
        with self._lock:
            for exchange in topology.exchanges:
                known = self._exchanges.setdefault(exchange.name, exchange)
                if known.durable != exchange.durable:
                    raise FlagMismatch(
                        f'The exchange "{exchange.name}" exists with '
                        f"durable={known.durable}: set INTEROP, or delete the exchange"
                    )
                if known != exchange:
                    raise FlagMismatch(
                        f'The exchange "{exchange.name}" exists with type={known.kind}, '
                        f"Baton needs type={exchange.kind}: delete the exchange"
                    )
            for queue in topology.queues:
                self._declare_queue(queue, owner)
            for binding in topology.bindings:
                if binding.exchange not in self._exchanges:
                    raise NotFound(f"no exchange '{binding.exchange}'")
                self.queue(binding.queue, owner)
                self._bindings.add(binding)

    def unbind(self, binding: Binding) -> None:
        """Take *binding* away, if it is there."""
        with self._lock:
            self._bindings.remove(binding)

    def count(self, name: str) -> int | None:
        """How many messages wait in the queue *name*; None if there is none."""
        with self._lock:
            for each in list(self._queues):
                self.dispatch(each)  # what has expired leaves its queue when somebody looks
            queue = self._queues.get(name)
            return None if queue is None else len(queue.messages)

    def queue(self, name: str, owner: MemoryTransport) -> Stock:
        """The queue of that name, if it exists and *owner* may use it."""
        queue = self._queues.get(name)
        if queue is None:
            raise NotFound(f"no queue '{name}'")
        if queue.owner not in (None, owner):
            raise Locked(f'The queue "{name}" is held by another connection')
        return queue

    def publish(self, publication: Publication) -> list[bool]:
        """Route *publication* and say, for each queue that it goes to, whether that took it; raises
        NotFound, MessageTooLarge."""
        with self._lock:
            exchange = self._exchanges.get(publication.exchange)
            if publication.exchange and exchange is None:
                raise NotFound(f"no exchange '{publication.exchange}'")
            if len(publication.body) > MAX_MESSAGE_SIZE:
                raise MessageTooLarge(len(publication.body), MAX_MESSAGE_SIZE)
            return self._route(
                publication.exchange,
                publication.routing_key,
                publication.body,
                publication.envelope,
            )

    def dispatch(self, name: str) -> None:
        """Deliver what waits in the queue *name* as far as its consumers' prefetch allows."""
        queue = self._queues.get(name)
        while queue and queue.messages:
            stored = queue.messages[0]
            if stored.has_expired:
                self.bury(queue, [queue.take()], "expired")
                continue
            consumer = queue.free()
            if consumer is None:
                return
            queue.take()
            consumer.transport.deliver(consumer, stored)

    def bury(self, queue: Stock, messages: Sequence[Stored], reason: str) -> None:
        """Dead-letter *messages* of *queue*; what has no place to go is dropped."""
        exchange = queue.dead_letter_exchange
        if exchange is None or exchange not in self._exchanges:
            return
        for stored in messages:
            envelope = died(stored, queue.declared.name, reason)
            key = queue.arguments.get("x-dead-letter-routing-key", stored.routing_key)
            self._route(exchange, key, stored.body, envelope, has_died=True)

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
        self.give_back(consumer.queue, list(consumer.unacknowledged.values()))

    def give_back(self, name: str, messages: list[Stored]) -> None:
        """Have *messages* of the queue *name* wait again."""
        queue = self._queues.get(name)
        if queue is not None:
            self.bury(queue, queue.put_back(messages), "delivery_limit")
            self.dispatch(name)

    def reject(self, name: str, stored: Stored) -> None:
        """Dead-letter a message of the queue *name*."""
        queue = self._queues.get(name)
        if queue is not None:
            self.bury(queue, [stored], "rejected")
            self.dispatch(name)

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

    def _route(
        self, exchange: str, key: str, body: bytes, envelope: Envelope, *, has_died: bool = False
    ) -> list[bool]:
        if not exchange:  # the default one, to which each queue is bound by its name
            names = {key} & self._queues.keys()
        else:
            names = self._bindings.route(self._exchanges[exchange], key, envelope)
        envelope = without_bcc(envelope)
        expires = envelope.expires
        expires_at = None if expires is None else time.monotonic() + expires
        taken = []
        for name in names:
            stored = Stored(key, body, envelope, expires_at, exchange, has_died=has_died)
            taken.append(self._queues[name].put(stored))
            self.dispatch(name)
        return taken

    def _declare_queue(self, queue: Queue, owner: MemoryTransport) -> None:
        known = self._queues.get(queue.name)
        if known is None:
            self._queues[queue.name] = Stock(queue, owner if queue.exclusive else None)
        elif known.owner not in (None, owner):
            raise Locked(f'The queue "{queue.name}" is held by another connection')
        elif known.declared != queue:
            raise FlagMismatch(_difference(known.declared, queue))


def _difference(theirs: Queue, ours: Queue) -> str:
    """What an existing queue has that ours has not, the first of it."""
    flags = {"durable": (theirs.durable, ours.durable)} | {
        name: (theirs.arguments.get(name), ours.arguments.get(name))
        for name in {**theirs.arguments, **ours.arguments}
    }
    flags["exclusive"] = (theirs.exclusive, ours.exclusive)
    name, (current, wanted) = next((n, each) for n, each in flags.items() if each[0] != each[1])
    return (
        f'The queue "{ours.name}" exists with {name}={current}, Baton needs {name}={wanted}: '
        "delete it"
    )
