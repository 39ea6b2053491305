"""What a data path does: deliveries come on it, publications and acknowledgements go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pamqp.commands import Basic

if TYPE_CHECKING:
    from aiormq.abc import AbstractChannel

    from baton.transports.base import Delivery, Publication, TransportListener


class DataPath(ABC):
    """One data channel, in confirm mode. *listener* hears of what happens on it, but for its end,
    which the owner is told by aio-pika.

    Consumers are aio-pika's: it asks for them, and is told when the broker cancels one.
    """

    def __init__(self, channel: AbstractChannel, listener: TransportListener) -> None:
        self.channel = channel
        self.ended = False
        self._listener = listener
        self._consumers: dict[str, str] = {}
        self._numbered = 0
        channel.on_consumer_cancel_callbacks.add(self._on_cancelled)

    async def limit(self, prefetch: int) -> None:
        """Have at most *prefetch* messages of each consumer unacknowledged that comes after this.
        Raises what aiormq does."""
        await self.channel.basic_qos(prefetch_count=prefetch)

    async def consume(self, queue: str) -> None:
        """Have the messages of *queue* delivered. Raises what aiormq does."""
        tag = f"{queue}.{self._numbered}"
        self._numbered += 1
        self._consumers[tag] = queue
        callback = self._callback(queue, tag)
        await self.channel.basic_consume(queue, callback, consumer_tag=tag)

    async def cancel(self, queue: str) -> None:
        """Have no more messages of *queue* delivered. What was acknowledged before is done with
        when this returns. Raises what aiormq does."""
        await self.flush()
        for tag in [tag for tag, name in self._consumers.items() if name == queue]:
            del self._consumers[tag]
            await self.channel.basic_cancel(tag)

    @abstractmethod
    def publish(self, publications: Sequence[Publication]) -> None:
        """Send these, in order, as soon as there is room."""

    @abstractmethod
    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge those of *deliveries* that came on this path."""

    @abstractmethod
    def refuse(self, deliveries: Sequence[Delivery], *, requeue: bool) -> None:
        """Have those of *deliveries* that came on this path dead-lettered, or wait again."""

    @abstractmethod
    async def flush(self) -> None:
        """Send what is to be acknowledged or refused, at once. Raises what aiormq does."""

    def tags(self, deliveries: Sequence[Delivery]) -> list[int]:
        """Of those of *deliveries* that came on this path."""
        return [delivery.tag for delivery in deliveries if delivery.channel is self]

    def end(self) -> None:
        """Nothing is told or sent any more."""
        self.ended = True

    @abstractmethod
    def hold(self, blocked: bool) -> None:
        """Whether the broker takes no publications for now."""

    @abstractmethod
    def _callback(self, queue: str, tag: str) -> Callable[[Any], Any]:
        """What aiormq is to call with what the consumer *tag* of *queue* brings."""

    def _on_cancelled(self, frame: Basic.Cancel) -> None:
        queue = self._consumers.pop(frame.consumer_tag or "", None)
        if queue is not None and not self.ended:
            self._listener.cancelled(queue)
