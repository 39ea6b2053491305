"""The channel: the exchanges, the consumers, and keeping both alive.

It owns two links. One consumes; the other publishes, so that a publisher that the broker blocks
never deafens its service. Several services may share a channel. One needn't extend it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from baton.consumer_manager import ConsumerManager
from baton.durable import dead_letter_topology, durable_queue, queue_name
from baton.errors import (
    BatonError,
    BrokerUnavailable,
    ConfigurationError,
    MessageTooLarge,
    NotPermitted,
)
from baton.exchanges import input_exchange, output_exchange
from baton.gathering import write_gathered
from baton.link import Link, Phase, State
from baton.message import new_id
from baton.outbox import Outbox
from baton.running import REMEMBERED, Limits, Origin
from baton.text import printable
from baton.transports import Binding, Queue, Topology, Transport
from baton.watched import Rounds, Watched

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.consumer import Consumer
    from baton.extension import Extension
    from baton.transports import Delivery

logger = logging.getLogger(__name__)

_MOST_STALE: Final = 100
"""Keys that are unbound with one pulse. Whoever may publish can make up any number of them."""
_SLICE: Final = 25
"""Queues that are declared, or asserted by a pulse, at a time."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """What was given up on when a channel was stopped; false if nothing was."""

    commands: int
    outputs: int

    def __bool__(self) -> bool:
        return bool(self.commands or self.outputs)

    def __str__(self) -> str:
        return f"abandoned: {self.commands} of the commands, {self.outputs} of the outputs"


class Channel(Watched):
    """The exchanges of one extension, and the consumers on them.

    Made on an event loop; nothing is connected before :meth:`start`.
    """

    quiet = False
    """Whether nothing is logged of what the consumers do."""

    def __init__(self, configuration: Configuration, extension: Extension) -> None:
        super().__init__()
        self.exchange = input_exchange(configuration, extension)
        self.exchange_out = output_exchange(configuration, extension)
        self.managers: list[ConsumerManager] = []
        self._configuration = configuration
        self.extension = extension
        self._outbox = Outbox(configuration.outbox_messages, configuration.outbox_bytes)
        self._outbox.on_open(self._wake_managers)
        self._rounds = Rounds()
        self._state = State()
        host = configuration.fqdn or socket.gethostname()
        self._inbound = _ConsumingLink(self, configuration, f"{extension.name} consumes {host}")
        self.settle_after = self._inbound.settle_after
        self._outbound = _PublishingLink(
            self, configuration, f"{extension.name} publishes {host}", self._outbox
        )

    @property
    def state(self) -> State:
        """The worse of the two links' states: ready when both are."""
        return State.worst((self._inbound.state, self._outbound.state))

    def add_consumer(self, consumer: Consumer, instance: str | None = None) -> ConsumerManager:
        """Have *consumer* receive what is sent to its routing keys, from now or from
        :meth:`start` on. *instance* is the id of the service whose consumer it is.

        Raises ConfigurationError for a durable one whose queue has a name that is too long, or is
        another one's.
        """
        settings = self._configuration
        manager = ConsumerManager(
            consumer,
            queue=self._queue_of(consumer),
            origin=Origin(
                self.exchange_out.name,
                app_id=self.extension.name,
                user_id=settings.user_id,
                instance=instance or new_id(),
            ),
            outbox=self._outbox,
            limits=Limits(
                settings.handler_timeout,
                # All that may be delivered again after a channel was lost.
                remembered=max(REMEMBERED, 2 * settings.prefetch),
                deliveries=settings.delivery_limit,
            ),
            outlet=self._outbound,
            source=self._inbound,
        )
        manager.quiet = self.quiet
        self.managers.append(manager)
        manager.start()
        self._inbound.add(manager)
        return manager

    def start(self) -> None:
        """Connect, in the background, and stay connected until :meth:`stop`."""
        self._outbound.start()
        self._inbound.start()

    async def stop(self, grace: float) -> Abandoned:
        """Stop consuming, let what is in flight finish for *grace* seconds, and disconnect. What
        waits for its splay is answered with an error."""
        for manager in self.managers:
            manager.stop_holding()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                # Over a half-open connection there is no answer: leave time for what runs.
                with suppress(BatonError, TimeoutError):
                    async with asyncio.timeout(grace / 2):
                        await self._inbound.stop_consuming()
                self._inbound.give_back()
                await asyncio.gather(*(manager.drain() for manager in self.managers))
                await self._outbound.drain()
        abandoned = Abandoned(
            sum(manager.abandoned for manager in self.managers), len(self._outbox)
        )
        self._outbox.close()
        for manager in self.managers:
            manager.stop()
        self._inbound.settle()
        await asyncio.gather(self._inbound.stop(), self._outbound.stop())
        return abandoned

    def refresh_state(self, _: State) -> None:
        """A link's state changed: tell the watchers if that changes ours."""
        state = self.state
        if state != self._state:
            self._state = state
            self.tell_state(state)

    def reached(self, link: Link) -> None:
        """*link* has reached the broker: so can the other one. Of two that pause for random times,
        the first ends both."""
        (self._outbound if link is self._inbound else self._inbound).try_now()

    def note_round(self, link: Link) -> None:
        """A link went round: tell the watchers of the pulse if both have."""
        if self._rounds.complete(link, of=2):
            self.tell_pulse()

    def _queue_of(self, consumer: Consumer) -> str:
        """The name of the queue of *consumer*, or where it begins if it is not durable."""
        fqdn, name = consumer.server.fqdn, consumer.consumer_name
        if not consumer.durable:
            return f"{self.extension.name}.{fqdn or name}"
        queue = queue_name(self.extension, fqdn, name)
        if any(manager.queue == queue for manager in self.managers):
            raise ConfigurationError(
                f'Two durable consumers of {fqdn} have the name "{name}": they would share a queue'
            )
        return queue

    def _wake_managers(self) -> None:
        for manager in self.managers:
            manager.wake()


class _ConsumingLink(Link):
    """Declares the exchanges, and a queue for each consumer, whose deliveries it hands out."""

    def __init__(self, channel: Channel, configuration: Configuration, name: str) -> None:
        super().__init__(configuration, name, channel.refresh_state)
        self._channel = channel
        self._arguments = {
            "x-queue-type": "classic",
            # A delivery may wait behind a handler until it expires, and then for that handler.
            "x-consumer-timeout": int(
                (2 * configuration.handler_timeout + configuration.expires) * 1000
            ),
        }
        self._queues: dict[str, ConsumerManager] = {}
        self._consuming: set[str] = set()
        self._settles = False
        """Whether :meth:`settle` is about to be called."""
        self._done: list[Delivery] = []
        self._rejected: list[Delivery] = []
        self._stale_keys: dict[tuple[str, str], None] = {}
        self._stopping = False
        self._asserted = 0

    def add(self, manager: ConsumerManager) -> None:
        """Consume for *manager*, too; at once if connected."""
        self._mend()

    @property
    def pulses_per_period(self) -> float:
        return len(self._slices())

    def connected(self) -> None:
        # A kept name is refused while the broker still holds the old, half-open connection.
        self._queues.clear()
        self._channel.reached(self)

    def went_round(self) -> None:
        self._channel.note_round(self)

    async def establish(self, transport: Transport) -> None:
        known = set(self._queues.values())
        for manager in self._channel.managers:
            if manager not in known:
                fresh = "" if manager.durable else f".{secrets.token_hex(8)}"
                self._queues[f"{manager.queue}{fresh}"] = manager
        for queues in self._slices():
            await transport.declare(self._topology(queues))
            self.progressed()
            for queue in queues:
                if queue not in self._consuming and not self._stopping:
                    self._consuming.add(queue)
                    prefetch = self._queues[queue].prefetch or self._configuration.prefetch
                    await transport.consume(queue, prefetch)
                    self.progressed()

    async def assert_topology(self, transport: Transport) -> None:
        """Assert one slice after the other, so that many servers' pulses spread."""
        slices = self._slices()
        self._asserted = (self._asserted + 1) % len(slices)
        await transport.declare(self._topology(slices[self._asserted]))
        stale_keys, self._stale_keys = self._stale_keys, {}
        for queue, key in stale_keys:
            if key not in self._queues[queue].consumer.routing_keys:  # or it does so again
                await transport.unbind(Binding(queue, self._channel.exchange.name, key))
                self.progressed()

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        self.overtaken()
        held_up = self.held_up()
        if held_up:
            # A command that may have waited for too long in the socket has expired.
            deliveries = [replace(each, received=each.received - held_up) for each in deliveries]
        for queue, batch in _by_queue(deliveries):
            manager = self._queues.get(queue)
            if manager is not None:
                manager.delivered(batch if self._counts(manager) else _uncounted(batch))

    def cancelled(self, queue: str) -> None:
        self._consuming.discard(queue)
        super().cancelled(queue)

    def detached(self) -> None:
        self._consuming.clear()
        for manager in self._channel.managers:
            manager.channel_lost()

    def acknowledge(self, delivery: Delivery) -> None:
        """Acknowledge *delivery* at the end of this turn of the loop, with its like."""
        self._done.append(delivery)
        self._settle_soon()

    def reject(self, delivery: Delivery) -> None:
        """Have *delivery* dead-lettered at the end of this turn of the loop."""
        self._rejected.append(delivery)
        self._settle_soon()

    def unbind(self, delivery: Delivery) -> None:
        """Take away the binding by which *delivery* came, with the next pulse. What is too much
        for that is looked at when something comes by it again."""
        stale = (delivery.queue, delivery.routing_key)
        if stale not in self._stale_keys and len(self._stale_keys) < _MOST_STALE:
            logger.warning('%s: nobody listens on "%s" any more', *map(printable, stale))
            self._stale_keys[stale] = None

    def settle_after(self, work: Callable[[], None]) -> None:
        """Do *work*, and settle what it is done with without another turn of the loop."""
        self._settles = True
        try:
            work()
        finally:
            self.settle()

    def settle(self) -> None:
        """Acknowledge what is done with, and reject what is to be."""
        self._settles = False
        write_gathered()  # of what is done
        done, self._done = self._done, []
        rejected, self._rejected = self._rejected, []
        if self.transport is not None:
            if done:
                self.transport.acknowledge(done)
            if rejected:
                self.transport.reject(rejected)

    def give_back(self) -> None:
        """What durable consumers do not start any more is for whoever comes next."""
        for manager in self._channel.managers:
            returned, manager.returned = manager.returned, []
            if returned and self.transport is not None:
                self.transport.give_back(returned)

    def _settle_soon(self) -> None:
        if not self._settles:
            self._settles = True
            asyncio.get_running_loop().call_soon(self.settle)

    async def stop_consuming(self) -> None:
        """Have nothing more delivered."""
        self._stopping = True
        for queue in list(self._consuming):
            if self.transport is not None:
                await self.transport.cancel(queue)

    def _counts(self, manager: ConsumerManager) -> bool:
        """Whether its queue counts deliveries."""
        return manager.durable and self._configuration.durable_queues == "quorum"

    def _slices(self) -> list[list[str]]:
        """The queues, so many at a time as can be declared well within a deadline."""
        queues = list(self._queues)
        return [queues[at : at + _SLICE] for at in range(0, len(queues), _SLICE)] or [[]]

    def _topology(self, queues: Sequence[str]) -> Topology:
        exchange, exchange_out = self._channel.exchange, self._channel.exchange_out
        dead = Topology()
        if any(self._queues[name].durable for name in queues):
            dead = dead_letter_topology(self._configuration, self._channel.extension)
        return Topology(
            exchanges=(exchange, exchange_out, *dead.exchanges),
            queues=[*dead.queues, *map(self._queue, queues)],
            bindings=[
                *dead.bindings,
                *(
                    Binding(name, exchange.name, key)
                    for name in queues
                    for key in self._queues[name].consumer.routing_keys
                ),
            ],
        )

    def _queue(self, name: str) -> Queue:
        if self._queues[name].durable:
            return durable_queue(self._configuration, self._channel.extension, name)
        return Queue(name, arguments=self._arguments)


class _PublishingLink(Link):
    """Publishes what is in the outbox, once for each turn of the loop."""

    def __init__(
        self, channel: Channel, configuration: Configuration, name: str, outbox: Outbox
    ) -> None:
        super().__init__(configuration, name, channel.refresh_state)
        self._channel = channel
        self._outbox = outbox
        self._scheduled: asyncio.Handle | None = None
        self._unconfirmed_since: float | None = None
        """When a pulse met outputs that wait for their confirms, of which none has come since."""
        self._drained = asyncio.Event()

    @property
    def pulses_per_period(self) -> float:
        # No command finds out that the output exchange is gone when no requester can listen on
        # it. This pulse is one request, so it may come more often than the other's.
        return 2.0

    def connected(self) -> None:
        self._channel.reached(self)

    def went_round(self) -> None:
        self._channel.note_round(self)

    async def establish(self, transport: Transport) -> None:
        await self.assert_topology(transport)
        if not self._outbox:
            self.doubt = ""  # what was refused has been given up
        self._send(transport)

    async def assert_topology(self, transport: Transport) -> None:
        # A node that is cut off from its cluster answers, but can store nothing.
        now, deadline = asyncio.get_running_loop().time, self._configuration.deadline
        if self._unconfirmed_since is not None and now() - self._unconfirmed_since >= deadline:
            raise BrokerUnavailable(f"no output was confirmed within {deadline:g} s")
        await transport.declare(Topology(exchanges=(self._channel.exchange_out,)))
        if self._outbox and self._unconfirmed_since is None:
            self._unconfirmed_since = now()

    def flush_soon(self) -> None:
        """Send what is new in the outbox at the end of this turn of the loop, and before that write
        what the log has gathered."""
        if self._scheduled is None:
            self._scheduled = asyncio.get_running_loop().call_soon(self._flush)

    def flush(self) -> None:
        """A consumer has said what it had to say: that need not wait until the turn is over. Where
        there are others, what they say goes with it."""
        if self._scheduled is not None and len(self._channel.managers) == 1:
            self._scheduled.cancel()
            self._flush()

    def confirmed(self, numbers: Sequence[int]) -> None:
        self._unconfirmed_since = None
        self.overtaken()
        self._channel.settle_after(lambda: self._outbox.confirm(numbers))
        self._look_if_drained()
        if self.doubt:
            self.doubt = ""
            self._works()

    def refused(self, numbers: Sequence[int]) -> None:
        self._unconfirmed_since = None
        self._warn("the broker refused outputs: a queue is full, or has failed; trying again")
        pause = self._outbox.refuse(numbers)
        self._look_if_drained()
        asyncio.get_running_loop().call_later(pause, self._send_again, numbers)

    def channel_lost(self, error: BatonError) -> None:
        if isinstance(error, MessageTooLarge):
            self._outbox.shrink(error.limit)
            self._look_if_drained()
        elif isinstance(error, NotPermitted):
            # Declaring goes well, publishing does not: only a confirm tells that it was mended.
            self.doubt = str(error)
        super().channel_lost(error)

    def detached(self) -> None:
        self._unconfirmed_since = None
        self._outbox.rewind()

    def _works(self) -> None:
        super()._works()
        self.flush_soon()  # what was notified while it was not ready

    def unblocked(self) -> None:
        self._unconfirmed_since = None
        super().unblocked()
        self.flush_soon()

    async def drain(self) -> None:
        """Wait until the outbox is empty."""
        while self._outbox:
            self._drained.clear()
            await self._drained.wait()

    def _look_if_drained(self) -> None:
        if not self._outbox:
            self._drained.set()

    def _send_again(self, numbers: Sequence[int]) -> None:
        self._outbox.again(numbers)
        self.flush_soon()

    def _flush(self) -> None:
        self._scheduled = None
        write_gathered()
        if self.transport is not None and self.state.phase is Phase.READY:
            self._send(self.transport)

    def _send(self, transport: Transport) -> None:
        publications = self._outbox.take()
        if publications:
            transport.publish(publications)


def _by_queue(deliveries: Sequence[Delivery]) -> list[tuple[str, list[Delivery]]]:
    batches: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        batches.setdefault(delivery.queue, []).append(delivery)
    return list(batches.items())


def _uncounted(deliveries: list[Delivery]) -> list[Delivery]:
    """*deliveries* without a count, which can only be a client's."""
    if not any(each.delivery_count for each in deliveries):
        return deliveries
    return [replace(each, delivery_count=0) for each in deliveries]
