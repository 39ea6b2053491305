"""The seam to a broker: what every transport and every publisher does.

A :class:`Transport` is one session with one broker. It is opened once and lost once: whoever owns
it opens another. It takes and hands over messages in batches, by number, and makes no future and
no task of a message, so that a faster implementation has nothing to undo. A :class:`Publisher` is
for programs that have no event loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from baton.errors import BatonError, BrokerError
from baton.light import light
from baton.message import Envelope

MAX_MESSAGE_SIZE: Final = 16 * 1024 * 1024
"""Bytes that a body may have: RabbitMQ 4's default ``max_message_size``."""
ANSWERS: Final = 8
"""How often a deadline may begin anew while a connection is opened: a handshake has fewer steps."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange, as it is declared. One of the kind ``headers`` looks at a message's headers
    where a ``direct`` one looks at its key."""

    name: str
    durable: bool = True
    kind: Literal["direct", "headers"] = "direct"


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue, as it is declared. An exclusive one dies with its connection."""

    name: str
    durable: bool = False
    exclusive: bool = True
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Binding:
    """A queue takes what is published to an exchange with a key; the key may be empty.

    On an exchange of the kind ``headers`` *arguments* are the headers to have, and ``x-match``:
    ``all-with-x`` where some of them begin with ``x-``.
    """

    queue: str
    exchange: str
    key: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Topology:
    """What is asserted together. Declaring what exists already is no fault: it is how a
    connection finds out that somebody has deleted it."""

    exchanges: Sequence[Exchange] = ()
    queues: Sequence[Queue] = ()
    bindings: Sequence[Binding] = ()


@light()
class Publication:
    """A message to publish. ``number`` is the owner's: a confirm names it."""

    number: int
    exchange: str
    routing_key: str
    body: bytes
    envelope: Envelope
    mandatory: bool = False


@light(eq=False)
class Delivery:
    """A message from a queue. ``tag`` means something on ``channel`` alone: a delivery is
    acknowledged there or not at all. ``received`` is the time of receipt, by
    ``time.monotonic()``. ``delivery_count`` is how often it was given back, or its consumer was
    lost, before: a quorum queue alone counts that."""

    queue: str
    tag: int
    channel: object
    routing_key: str
    body: bytes
    envelope: Envelope
    redelivered: bool
    received: float
    delivery_count: int = 0


class TransportListener:
    """What a transport tells its owner, on the owner's event loop. Each hook is optional, and
    must neither block nor raise."""

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        """These came, in this order, on queues that are consumed."""

    def confirmed(self, numbers: Sequence[int]) -> None:
        """The broker has taken responsibility for these publications."""

    def refused(self, numbers: Sequence[int]) -> None:
        """The broker could not take these publications (``basic.nack``); they may be sent again."""

    def returned(self, number: int) -> None:
        """No queue takes this publication, which is mandatory, or AMQP cannot say it. It counts as
        confirmed, too, afterwards."""

    def cancelled(self, queue: str) -> None:
        """The broker stopped delivering from this queue: it was deleted, or its node has gone."""

    def channel_lost(self, error: BatonError) -> None:
        """The data channel is closed, the connection is not. What was delivered on it and not
        acknowledged comes again; what was published on it and not confirmed is in doubt. Nothing
        more comes before :meth:`Transport.renew`. With MessageTooLarge, a publication was to blame.
        """

    def blocked(self, reason: str) -> None:
        """The broker takes no more publications for now (memory or disk alarm)."""

    def unblocked(self) -> None:
        """The broker takes publications again."""

    def lost(self, error: BrokerError) -> None:
        """The connection has gone. Last call; not made after :meth:`Transport.close`."""


class Transport(ABC):
    """One session with one broker.

    No method has a deadline of its own: the owner sets one around each call, and closes a
    transport that missed it. :attr:`answered` tells an owner to begin its deadline anew: a broker
    that answers, however slowly, is not given up. Every method that is a coroutine raises a
    BrokerError for what the broker refuses, BrokerUnavailable when the connection is gone.
    """

    answered: Callable[[], None] = staticmethod(lambda: None)
    """Called whenever the broker has answered one of several requests that a method makes; while
    it is opened, :data:`ANSWERS` times at most. Whoever sets it takes it away with its deadline."""

    @abstractmethod
    async def open(self) -> None:
        """Connect, authenticate and open the data channel. Called once, first of all.

        Raises AuthenticationFailed or BrokerUnavailable.
        """

    @abstractmethod
    async def declare(self, topology: Topology) -> None:
        """Assert exchanges, queues and bindings, pipelined, in this order.

        Not on the data channel: when the broker refuses one, deliveries go on. Raises
        FlagMismatch, NotFound, NotPermitted or Locked, whose text names what was refused.
        """

    @abstractmethod
    async def has_exchange(self, exchange: str) -> bool:
        """Whether an exchange of that name exists, with whatever flags. Makes nothing."""

    @abstractmethod
    async def delete_exchange(self, exchange: str) -> None:
        """Delete an exchange that no queue is bound to. One that is in use stays as it is; one
        that does not exist is no fault."""

    @abstractmethod
    async def delete_queue(self, queue: str) -> None:
        """Delete a queue with what waits in it. One that does not exist is no fault."""

    @abstractmethod
    async def count(self, queue: str) -> int | None:
        """How many messages wait in *queue*, those not counted that were delivered; None if there
        is no such queue."""

    @abstractmethod
    async def unbind(self, binding: Binding) -> None:
        """Take *binding* away. One that is not there is no fault."""

    @abstractmethod
    async def consume(self, queue: str, prefetch: int) -> None:
        """Have the messages of *queue* delivered, at most *prefetch* of them unacknowledged."""

    @abstractmethod
    async def cancel(self, queue: str) -> None:
        """Have no more messages of *queue* delivered. What was delivered is still to be
        acknowledged; what was acknowledged before is so at the broker when this returns."""

    @abstractmethod
    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge *deliveries*; those of another data channel are passed over."""

    @abstractmethod
    def reject(self, deliveries: Sequence[Delivery]) -> None:
        """Have *deliveries* dead-lettered, or dropped where their queue has no exchange for that;
        those of another data channel are passed over."""

    @abstractmethod
    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Have *deliveries* wait in their queue again, for whoever consumes it; those of another
        data channel are passed over. A quorum queue counts it, before RabbitMQ 4.3."""

    @abstractmethod
    def publish(self, publications: Sequence[Publication]) -> None:
        """Send *publications* in this order, with confirms; mandatory ones may be sent more slowly
        than others. Sending goes on in the background; while the data channel is closed this does
        nothing."""

    @abstractmethod
    async def renew(self) -> None:
        """Open a new data channel in place of one that was lost. Nothing is consumed on it yet."""

    @abstractmethod
    async def close(self) -> None:
        """Close the session, in whatever state it is. May be called again; never raises a
        BrokerError."""


class Publisher(ABC):
    """Publishes from any thread of a program that has no event loop.

    Connects at the first publish, and again after a loss and in the child after a fork.
    """

    @abstractmethod
    def publish(
        self, publications: Sequence[Publication], timeout: float
    ) -> list[Exception | None]:
        """Publish, and wait at most *timeout* seconds until each has its outcome.

        The outcomes stand in the order of *publications*: None for one that the broker confirmed,
        Unroutable for a mandatory one that no queue takes or whose exchange does not exist,
        PublishTimeout where the outcome is unknown, BrokerUnavailable for one that was never
        sent, MessageTooLarge, InvalidMessage or another BrokerError where it was refused,
        ConfigurationError where a password or certificate cannot be read. ``number`` is not
        looked at.
        """

    @abstractmethod
    def close(self) -> None:
        """Disconnect. What is still waiting gets its outcome first. May be called again."""
