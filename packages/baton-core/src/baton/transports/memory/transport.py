"""The transport to a broker in this process."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from baton.errors import BatonError, BrokerError, BrokerUnavailable, MessageTooLarge, NotFound
from baton.transports.base import (
    Binding,
    Delivery,
    Publication,
    Topology,
    Transport,
    TransportListener,
)
from baton.transports.memory.stock import Consumption

if TYPE_CHECKING:
    from baton.transports.memory.broker import MemoryBroker
    from baton.transports.memory.stock import Stored


class MemoryTransport(Transport):
    """A session with a :class:`MemoryBroker`."""

    def __init__(self, broker: MemoryBroker, listener: TransportListener) -> None:
        self._broker = broker
        self._listener = listener
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channel: object | None = None
        self._tags = 0
        self._consumers: dict[str, Consumption] = {}
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

    async def count(self, queue: str) -> int | None:
        self._check_open()
        return self._broker.count(queue)

    async def unbind(self, binding: Binding) -> None:
        self._check_open()
        self._broker.unbind(binding)

    async def consume(self, queue: str, prefetch: int) -> None:
        self._check_channel()
        with self._broker.lock:
            consumer = Consumption(self, queue, prefetch)
            self._broker.queue(queue, self).consumers.append(consumer)
            self._consumers[queue] = consumer
            self._broker.dispatch(queue)

    async def cancel(self, queue: str) -> None:
        self._check_channel()
        with self._broker.lock:
            consumer = self._consumers.get(queue)
            if consumer is not None:
                consumer.prefetch = 0
                self._broker.dispatch(queue)  # somebody else may have what waits

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        with self._broker.lock:
            for delivery in deliveries:
                if self._settle(delivery) is not None:
                    self._broker.dispatch(delivery.queue)

    def reject(self, deliveries: Sequence[Delivery]) -> None:
        with self._broker.lock:
            for delivery in deliveries:
                stored = self._settle(delivery)
                if stored is not None:
                    self._broker.reject(delivery.queue, stored)

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        with self._broker.lock:
            for delivery in reversed(deliveries):
                stored = self._settle(delivery)
                if stored is not None:
                    self._broker.give_back(delivery.queue, [stored])

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

    def deliver(self, consumer: Consumption, stored: Stored) -> None:
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
                stored.delivery_count,
            )
        )

    def drop_consumer(self, consumer: Consumption) -> None:
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

    def _settle(self, delivery: Delivery) -> Stored | None:
        """What *delivery* brought, which is done with; None if it was of another channel."""
        consumer = self._consumers.get(delivery.queue)
        if consumer is None or delivery.channel is not self._channel:
            return None
        return consumer.unacknowledged.pop(delivery.tag, None)

    def _take_waiting(self) -> None:
        confirmed: list[int] = []
        refused: list[int] = []
        while self._waiting and self._channel is not None:
            publication = self._waiting.popleft()
            try:
                taken = self._broker.publish(publication)
            except (NotFound, MessageTooLarge) as error:
                self.close_channel(error)
                break
            if publication.mandatory and not taken:
                self._tell(self._listener.returned, publication.number)
            (confirmed if all(taken) else refused).append(publication.number)
        if confirmed:
            self._tell(self._listener.confirmed, confirmed)
        if refused:
            self._tell(self._listener.refused, refused)

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
