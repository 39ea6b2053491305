"""A broker in this process, with a transport and a publisher: for tests and demonstrations.

It behaves as RabbitMQ does in what Baton uses of it: direct exchanges, exclusive queues, expiry,
prefetch, redelivery, mandatory publications and sender-selected distribution. The same contract
tests run against both. It can be broken like a real one, too: :meth:`MemoryBroker.disconnect`,
:meth:`MemoryBroker.delete_queue`, :meth:`MemoryBroker.block` and their like.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from baton.errors import (
    BatonError,
    BrokerError,
    BrokerUnavailable,
    FlagMismatch,
    Locked,
    MessageTooLarge,
    NotFound,
    Unroutable,
)
from baton.message import BCC_HEADER, Envelope
from baton.transports.base import (
    MAX_MESSAGE_SIZE,
    Delivery,
    Exchange,
    Publication,
    Publisher,
    Queue,
    Topology,
    Transport,
    TransportListener,
)

_brokers: dict[str, MemoryBroker] = {}
"""By name: a URL is all that the two sides of a test or a demonstration share."""


def memory_broker(name: str = "memory") -> MemoryBroker:
    """The broker that ``memory://<name>`` means in this process, made at first use."""
    return _brokers.setdefault(name, MemoryBroker())


def forget_memory_broker(name: str) -> None:
    """Have ``memory://<name>`` mean a new broker at its next use."""
    _brokers.pop(name, None)


@dataclass(slots=True)
class _Stored:
    routing_key: str
    body: bytes
    envelope: Envelope
    expires_at: float | None
    redelivered: bool = False


@dataclass(slots=True, eq=False)
class _Queue:
    declared: Queue
    owner: MemoryTransport | None
    messages: deque[_Stored] = field(default_factory=deque)
    consumers: list[_Consumer] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Consumer:
    transport: MemoryTransport
    queue: str
    prefetch: int
    unacknowledged: dict[int, _Stored] = field(default_factory=dict)


class MemoryBroker:
    """Exchanges, queues and bindings behind one lock; may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._exchanges: dict[str, Exchange] = {}
        self._queues: dict[str, _Queue] = {}
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

    def queue(self, name: str, owner: MemoryTransport) -> _Queue:
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
                    _Stored(publication.routing_key, publication.body, envelope, expires_at)
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

    def requeue(self, consumer: _Consumer) -> None:
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
            self._queues[queue.name] = _Queue(queue, owner if queue.exclusive else None)
        elif known.owner not in (None, owner):
            raise Locked(f'The queue "{queue.name}" is held by another connection')
        elif known.declared != queue:
            raise FlagMismatch(f'The queue "{queue.name}" exists with other flags: delete it')


class MemoryTransport(Transport):
    """A session with a :class:`MemoryBroker`."""

    def __init__(self, broker: MemoryBroker, listener: TransportListener) -> None:
        self._broker = broker
        self._listener = listener
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channel: object | None = None
        self._tags = 0
        self._consumers: dict[str, _Consumer] = {}
        self._waiting: deque[Publication] = deque()
        self._batch: list[Delivery] = []

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._broker.attach(self)
        self._channel = object()
        if self._broker.blocked:
            self.set_blocked(True)

    async def declare(self, topology: Topology) -> None:
        self._check_open()
        self._broker.declare(topology, self)

    async def has_exchange(self, exchange: str) -> bool:
        self._check_open()
        return any(each.name == exchange for each in self._broker.exchanges)

    async def delete_exchange(self, exchange: str) -> None:
        self._check_open()
        with self._broker.lock:
            if not any(bound == exchange for bound, _, _ in self._broker.bindings):
                self._broker.delete_exchange(exchange)

    async def delete_queue(self, queue: str) -> None:
        self._check_open()
        self._broker.delete_queue(queue)

    async def consume(self, queue: str, prefetch: int) -> None:
        self._check_channel()
        with self._broker.lock:
            consumer = _Consumer(self, queue, prefetch)
            self._broker.queue(queue, self).consumers.append(consumer)
            self._consumers[queue] = consumer
            self._broker.dispatch(queue)

    async def cancel(self, queue: str) -> None:
        self._check_channel()
        with self._broker.lock:
            consumer = self._consumers.get(queue)
            if consumer is not None:
                consumer.prefetch = 0

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        with self._broker.lock:
            for delivery in deliveries:
                consumer = self._consumers.get(delivery.queue)
                if consumer is not None and delivery.channel is self._channel:
                    consumer.unacknowledged.pop(delivery.tag, None)
                    self._broker.dispatch(delivery.queue)

    def publish(self, publications: Sequence[Publication]) -> None:
        with self._broker.lock:
            if self._channel is None:
                return
            self._waiting.extend(publications)
            if not self._broker.blocked:
                self._take_waiting()

    async def renew(self) -> None:
        self._check_open()
        self._channel = object()
        self._tags = 0

    async def close(self) -> None:
        with self._broker.lock:
            self._end_channel()
            self._broker.forget(self)
            self._loop = None

    def deliver(self, consumer: _Consumer, stored: _Stored) -> None:
        """Called by the broker, in any thread."""
        self._tags += 1
        consumer.unacknowledged[self._tags] = stored
        if not self._batch:
            self._tell(self._hand_over)
        self._batch.append(
            Delivery(
                consumer.queue,
                self._tags,
                self._channel,
                stored.routing_key,
                stored.body,
                stored.envelope,
                stored.redelivered,
                time.monotonic(),
            )
        )

    def drop_consumer(self, consumer: _Consumer) -> None:
        """Called by the broker: the queue of *consumer* was deleted."""
        self._consumers.pop(consumer.queue, None)
        self._tell(self._listener.cancelled, consumer.queue)

    def set_blocked(self, blocked: bool) -> None:
        """Called by the broker when an alarm is raised or cleared."""
        if blocked:
            self._tell(self._listener.blocked, "memory: resource alarm")
        else:
            self._tell(self._listener.unblocked)
            self._take_waiting()

    def close_channel(self, error: BatonError) -> None:
        """Close the data channel as the broker would; also called by the broker."""
        if self._channel is not None:
            self._end_channel()
            self._tell(self._listener.channel_lost, error)

    def detach(self, error: BrokerError) -> None:
        """Called by the broker: the connection is cut."""
        self._end_channel()
        self._broker.forget(self)
        self._tell(self._listener.lost, error)
        self._loop = None

    def _take_waiting(self) -> None:
        confirmed: list[int] = []
        while self._waiting and self._channel is not None:
            publication = self._waiting.popleft()
            try:
                routed = self._broker.publish(publication)
            except (NotFound, MessageTooLarge) as error:
                self.close_channel(error)
                break
            if publication.mandatory and not routed:
                reason = "no queue takes that key"
                self._tell(self._listener.returned, publication.number, reason)
            confirmed.append(publication.number)
        if confirmed:
            self._tell(self._listener.confirmed, confirmed)

    def _end_channel(self) -> None:
        self._channel = None
        self._waiting.clear()
        consumers, self._consumers = self._consumers, {}
        for consumer in consumers.values():
            self._broker.requeue(consumer)

    def _hand_over(self) -> None:
        with self._broker.lock:
            batch, self._batch = self._batch, []
        batch = [delivery for delivery in batch if delivery.channel is self._channel]
        if batch:
            self._listener.delivered(batch)

    def _tell(self, hook: Callable[..., None], *arguments: Any) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                self._loop.call_soon_threadsafe(hook, *arguments)

    def _check_open(self) -> None:
        if self._loop is None:
            raise BrokerUnavailable("memory: the connection is closed")

    def _check_channel(self) -> None:
        if self._channel is None:
            raise BrokerUnavailable("memory: the channel is closed")


class MemoryPublisher(Publisher):
    """Publishes to a :class:`MemoryBroker`, in the caller's thread."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._closed = False

    def publish(
        self, publications: Sequence[Publication], timeout: float
    ) -> list[Exception | None]:
        return [self._outcome(publication) for publication in publications]

    def close(self) -> None:
        self._closed = True

    def _outcome(self, publication: Publication) -> Exception | None:
        if self._closed:
            return BrokerUnavailable("The publisher is closed")
        if self._broker.down is not None:
            return BrokerUnavailable(f"No broker could be reached: memory ({self._broker.down})")
        if self._broker.blocked:
            return BrokerUnavailable("memory is blocked (resource alarm)")
        keys = [publication.routing_key]
        try:
            routed = self._broker.publish(publication)
        except NotFound:
            return Unroutable(keys, publication.exchange, missing=True)
        except MessageTooLarge as error:
            return error
        if publication.mandatory and not routed:
            return Unroutable(keys, publication.exchange)
        return None


def _without_bcc(envelope: Envelope) -> Envelope:
    if BCC_HEADER not in envelope.headers:
        return envelope
    headers: Mapping[str, Any] = {k: v for k, v in envelope.headers.items() if k != BCC_HEADER}
    return replace(envelope, headers=headers)
