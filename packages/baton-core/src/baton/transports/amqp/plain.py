"""The data path through aiormq's public API, for where aiormq offers the tap no way in.

It makes a task of each message, either way, and needs some ten times as much CPU. Properties that
aiormq cannot decode end the connection here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from aiormq import exceptions as amqp
from aiormq.abc import DeliveredMessage

from baton.transports.amqp.outgoing import Acknowledgements
from baton.transports.amqp.path import DataPath
from baton.transports.base import Delivery, Publication
from baton.transports.rabbitmq_terms import delivery_count, envelope_of, properties_of

if TYPE_CHECKING:
    import aio_pika
    from aiormq.abc import AbstractChannel
    from aiormq.channel import Channel

    from baton.transports.base import TransportListener

_BLOCKED_POLL: Final = 0.5
_PATIENCE: Final = 2.5
"""Seconds for which a mandatory publication that is not answered holds up the next one."""


class PlainPath(DataPath):
    """The data path of *channel*."""

    def __init__(self, channel: AbstractChannel, listener: TransportListener) -> None:
        super().__init__(channel, listener)
        self._publisher = cast("Channel", channel)
        self._acknowledgements = Acknowledgements()
        self._wake = asyncio.Event()
        self._received: list[Delivery] = []
        self._settled: list[int] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._spawn(self._run())

    def publish(self, publications: Sequence[Publication]) -> None:
        if self.channel.is_closed:
            return
        # aiormq matches what is returned by message id alone, which several targets share: of
        # those, one is under way at a time.
        mandatory = [publication for publication in publications if publication.mandatory]
        if mandatory:
            self._spawn(self._publish_mandatory(mandatory))
        for publication in publications:
            if not publication.mandatory:
                task = self._spawn(self._publish(publication))
                task.add_done_callback(partial(self._on_settled, publication.number))

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self._acknowledgements.add(self.tags(deliveries))
        self._wake.set()

    def refuse(self, deliveries: Sequence[Delivery], *, requeue: bool) -> None:
        self._acknowledgements.refuse(self.tags(deliveries), requeue=requeue)
        self._wake.set()

    async def flush(self) -> None:
        await self._send_acknowledgements(wait=True)

    def hold(self, blocked: bool) -> None:
        """aiormq goes on to send; the broker does not read."""

    def end(self) -> None:
        super().end()
        for task in self._tasks:
            task.cancel()

    def _callback(self, queue: str, tag: str) -> Callable[[Any], Any]:
        return partial(self._on_delivery, queue)

    async def _run(self) -> None:
        """Acknowledge, until this ends."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._send_acknowledgements(wait=False)

    async def _send_acknowledgements(self, *, wait: bool) -> None:
        with suppress(amqp.AMQPError, OSError, RuntimeError):
            for tag, requeue in self._acknowledgements.take_refused():
                await self.channel.basic_nack(tag, requeue=requeue, wait=wait)
            for tag, multiple in self._acknowledgements.take():
                await self.channel.basic_ack(tag, multiple, wait=wait)

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _on_delivery(self, queue: str, message: DeliveredMessage) -> None:
        if not self._received:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._received.append(
            Delivery(
                queue=queue,
                tag=message.delivery_tag or 0,
                channel=self,
                routing_key=message.routing_key or "",
                body=message.body,
                envelope=envelope_of(message.header.properties),
                redelivered=bool(message.redelivered),
                received=time.monotonic(),
                delivery_count=delivery_count(
                    message.header.properties.headers, message.redelivered
                ),
            )
        )

    def _hand_over(self) -> None:
        received, self._received = self._received, []
        if not self.ended:
            self._listener.delivered(received)

    def _publish(self, publication: Publication) -> Coroutine[Any, Any, Any]:
        return self._publisher.basic_publish(
            publication.body,
            exchange=publication.exchange,
            routing_key=publication.routing_key,
            properties=properties_of(publication.envelope),
            mandatory=publication.mandatory,
            wait=False,
        )

    async def _publish_mandatory(self, publications: Sequence[Publication]) -> None:
        for publication in publications:
            task = self._spawn(self._publish(publication))
            task.add_done_callback(partial(self._on_mandatory_settled, publication.number))
            await asyncio.wait([task], timeout=_PATIENCE)

    def _on_mandatory_settled(self, number: int, task: asyncio.Task[Any]) -> None:
        came_back = not task.cancelled() and task.exception() is None
        if came_back and isinstance(task.result(), DeliveredMessage) and not self.ended:
            self._listener.returned(number)
        self._on_settled(number, task)

    def _on_settled(self, number: int, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            return
        error = task.exception()  # in any case, or asyncio complains of each
        if self.ended:
            return
        if error is None:
            if not self._settled:
                asyncio.get_running_loop().call_soon(self._confirm)
            self._settled.append(number)
        elif isinstance(error, amqp.DeliveryError):
            self._listener.refused([number])
        # Anything else means that the channel is lost, which the listener is told once.

    def _confirm(self) -> None:
        settled, self._settled = self._settled, []
        if not self.ended:
            self._listener.confirmed(settled)


async def watch_blocked(
    connection: aio_pika.Connection, on_blocked: Callable[[str | None], None]
) -> None:
    """Call *on_blocked* when the broker takes no messages, and with None when it does again.
    aio-pika tells of it only by making ``ready()`` wait."""
    blocked = False
    while connection.transport is not None:
        try:
            async with asyncio.timeout(0):
                await connection.transport.ready()
        except TimeoutError:
            if not blocked:
                on_blocked("")
            blocked = True
        else:
            if blocked:
                on_blocked(None)
            blocked = False
        await asyncio.sleep(_BLOCKED_POLL)
