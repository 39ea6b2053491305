"""A command in progress, and what its manager needs of those around it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from baton.errors import DeliveryLimitReached, Stopping

if TYPE_CHECKING:
    from baton.outbox import Output
    from baton.transports import Delivery

REMEMBERED: Final = 1024
"""Message ids that a consumer remembers at least, so as to run none twice."""


@dataclass(slots=True, eq=False)
class Command:
    """A command in progress. ``held`` is how long it had to wait for its splay, in seconds. It may
    be ``acknowledged`` before it is run; if it is to be ``rejected``, its delivery ends so.
    ``doubles`` are deliveries that brought it, too, and are done with when it is. It is ``lost``
    when its channel is, until it comes again."""

    delivery: Delivery
    started: float
    reply_to: str | None
    held: float = 0.0
    acknowledged: bool = False
    rejected: bool = False
    lost: bool = False
    doubles: tuple[Delivery, ...] = ()
    outputs: int = 0
    unconfirmed: int = 0
    finished: bool = False
    last: Output | None = None

    @property
    def expired(self) -> bool:
        """Whether it has waited here, beside its splay, for longer than its expiry."""
        expires = self.delivery.envelope.expires
        waited = self.started - self.delivery.received - self.held
        return expires is not None and waited >= expires

    @property
    def would_expire(self) -> bool:
        """Whether its expiry is over, so that it is dropped if it is given back."""
        expires = self.delivery.envelope.expires
        return expires is not None and time.monotonic() - self.delivery.received >= expires

    @property
    def deliveries(self) -> list[Delivery]:
        """All that brought it, the last one last."""
        return [*self.doubles, self.delivery]

    def lose(self) -> None:
        """The channel that it came on is lost."""
        self.lost = True
        self.doubles = ()

    def come_again(self, delivery: Delivery) -> None:
        """*delivery* brings it, too: by another key, or because it was delivered again."""
        if not self.lost:
            self.doubles += (self.delivery,)
        self.delivery = delivery
        self.lost = False

    def is_in(self, delivery: Delivery) -> bool:
        """Whether *delivery* brings the same command again."""
        mine = self.delivery
        if mine.envelope.message_id is not None or delivery.envelope.message_id is not None:
            return mine.envelope.message_id == delivery.envelope.message_id
        return (mine.routing_key, mine.body) == (delivery.routing_key, delivery.body)


@dataclass(frozen=True, slots=True)
class Limits:
    """``timeout`` is HANDLER_TIMEOUT in seconds; ``remembered`` how many message ids are known
    again; ``deliveries`` is DELIVERY_LIMIT."""

    timeout: float
    remembered: int = REMEMBERED
    deliveries: int = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """Who publishes: what every output of a service says of its sender."""

    exchange_out: str
    app_id: str
    user_id: str | None
    instance: str


class Source(Protocol):
    """Where deliveries come from. Nothing of it waits, nor raises."""

    def acknowledge(self, delivery: Delivery) -> None:
        """*delivery* is done with."""

    def reject(self, delivery: Delivery) -> None:
        """*delivery* is to be dead-lettered."""

    def unbind(self, delivery: Delivery) -> None:
        """Its queue is not to have what is sent to the key of *delivery* any more."""


class Outlet(Protocol):
    """Where outputs go that are in the outbox. Nothing of it waits, nor raises."""

    def flush_soon(self) -> None:
        """There are some: they are to be sent when this turn of the event loop is over."""

    def flush(self) -> None:
        """There are no more for now: they may be sent at once."""


def stopping() -> Stopping:
    """Said of a command that waited for its splay."""
    return Stopping("The service was stopped before the splay was over: nothing was done")


def too_often(count: int) -> DeliveryLimitReached:
    """Said of a durable command that was delivered *count* times before."""
    return DeliveryLimitReached(
        f"It was delivered {count} times before, and never done: it is among the dead letters"
    )
