"""The data path on a tap: it reads and writes its frames itself."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from baton.transports.amqp import outgoing
from baton.transports.amqp.confirms import Confirms
from baton.transports.amqp.inbox import Heard, Inbox
from baton.transports.amqp.path import DataPath
from baton.transports.amqp.tap import Attached, Tap

if TYPE_CHECKING:
    from aiormq.abc import AbstractChannel

    from baton.transports.base import Delivery, Publication, TransportListener
    from baton.transports.gathering_writer import GatheringWriter

logger = logging.getLogger(__name__)

MOST_UNSENT: Final = 256 * 1024
"""Bytes that may wait for the socket before publications wait in their turn."""


_BATCH: Final = 64 * 1024
"""Bytes of publications that are written at once."""


class TappedPath(DataPath, Attached):
    """The data path of *channel*, read from *tap* and written to *writer*.

    At most MOST_UNSENT bytes wait for the socket, beside one publication. The others are kept as
    they are, also while the broker takes none: what is given up with its connection meanwhile was
    never sent.
    """

    def __init__(
        self,
        channel: AbstractChannel,
        listener: TransportListener,
        tap: Tap,
        writer: GatheringWriter,
    ) -> None:
        super().__init__(channel, listener)
        self._tap = tap
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._queues: dict[bytes, str] = {}
        self._confirms = Confirms()
        self._inbox = Inbox(self, self._queues, self._confirms)
        self._acknowledgements = outgoing.Acknowledgements()
        self._unsent: deque[Publication] = deque()
        self._early: dict[str, list[Delivery]] = {}
        self._blocked = False
        self._draining: asyncio.Task[None] | None = None
        self._shut = False
        self._acknowledging = False
        tap.attach(channel.number, self)

    async def consume(self, queue: str) -> None:
        # What comes before aiormq knows that it consumes waits until its owner knows it, too.
        self._early.setdefault(queue, [])
        try:
            await super().consume(queue)
        finally:
            # In a turn of its own: whoever consumes goes on first.
            self._loop.call_soon(self._release, queue)

    def publish(self, publications: Sequence[Publication]) -> None:
        if not self._shut:
            self._unsent.extend(publications)
            self._send()

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self._acknowledgements.add(self.tags(deliveries))
        self._acknowledge_soon()

    def refuse(self, deliveries: Sequence[Delivery], *, requeue: bool) -> None:
        self._acknowledgements.refuse(self.tags(deliveries), requeue=requeue)
        self._acknowledge_soon()

    async def flush(self) -> None:
        self._acknowledge()

    def end(self) -> None:
        super().end()
        self.detached()

    def hold(self, blocked: bool) -> None:
        self._blocked = blocked
        self._send()

    def read(self, kind: int, span: tuple[int, int], data: bytes, limit: int, now: float) -> int:
        self._inbox.now = now
        return self._inbox.read(kind, span, data, limit)

    def tell(self) -> None:
        if not self.ended and self._inbox:
            try:
                self._tell(self._inbox.take())
            except Exception as error:  # noqa: BLE001  (of the listener: no fault of the connection)
                context = {"message": "What was heard could not be told", "exception": error}
                self._loop.call_exception_handler(context)

    def detached(self) -> None:
        # What is sent on a closed channel costs the connection. What came before is still told.
        self._shut = True
        self._unsent.clear()
        if self._draining is not None:
            self._draining.cancel()

    def _callback(self, queue: str, tag: str) -> Callable[[Any], Any]:
        self._queues[tag.encode()] = queue
        return _never_called

    def _tell(self, heard: Heard) -> None:
        for number in heard.returned:
            self._listener.returned(number)
        if heard.confirmed:
            self._listener.confirmed(heard.confirmed)
        if heard.refused:
            self._listener.refused(heard.refused)
        self._deliver(heard.delivered)

    def _deliver(self, deliveries: list[Delivery]) -> None:
        if self._early:
            here: list[Delivery] = []
            for delivery in deliveries:
                self._early.get(delivery.queue, here).append(delivery)
            deliveries = here
        if deliveries and not self.ended:
            self._listener.delivered(deliveries)

    def _release(self, queue: str) -> None:
        self._deliver(self._early.pop(queue, []))

    def _send(self) -> None:
        """Send what there is room for; the rest when there is room again."""
        while self._unsent and not self._blocked and self._draining is None:
            if self._writer.waiting >= MOST_UNSENT:
                self._draining = self._loop.create_task(self._drain())
                return
            self._writer.send(self._next_batch())

    def _next_batch(self) -> bytes:
        batch, size = [], 0
        while self._unsent and size < _BATCH:
            publication = self._unsent.popleft()
            try:
                data = outgoing.publish(self.channel.number, publication, self._tap.frame_limit)
            except (TypeError, ValueError, ArithmeticError, struct.error) as error:
                self._loop.call_soon(self._give_up, publication, str(error))
                continue
            self._confirms.sent(publication)
            batch.append(data)
            size += len(data)
        return b"".join(batch)

    async def _drain(self) -> None:
        try:
            with suppress(OSError):  # the connection is lost, which the owner hears
                await self._writer.drain()
        finally:
            self._draining = None
        self._send()

    def _give_up(self, publication: Publication, reason: str) -> None:
        """AMQP cannot say *publication*: it would be so the next time, too."""
        logger.error("A message to %r cannot be sent: %s", publication.exchange, reason)
        if not self.ended:
            self._listener.returned(publication.number)
            self._listener.confirmed([publication.number])

    def _acknowledge_soon(self) -> None:
        if not self._acknowledging:
            self._acknowledging = True
            self._loop.call_soon(self._acknowledge)

    def _acknowledge(self) -> None:
        self._acknowledging = False
        number = self.channel.number
        answers = [
            outgoing.refuse(number, tag, requeue)
            for tag, requeue in self._acknowledgements.take_refused()
        ]
        answers += [
            outgoing.acknowledge(number, tag, multiple)
            for tag, multiple in self._acknowledgements.take()
        ]
        if answers and not self._shut:
            self._writer.send(b"".join(answers))


async def _never_called(message: object) -> None:
    """What aiormq is given to call: the tap takes what it would be called with."""
