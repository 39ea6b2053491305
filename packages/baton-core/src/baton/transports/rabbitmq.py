"""The transport to RabbitMQ, on aio-pika.

aio-pika connects, opens channels and closes. Publishes, deliveries and acknowledgements go through
the public API of aiormq, the library that aio-pika stands on, whose channel it hands out: that
spares a ``Message`` object and a wrapper task each way.

Topology is declared on a channel of its own, so that a refusal, which closes the channel, takes
no delivery with it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import aio_pika
from aio_pika.connection import make_url
from aiormq import exceptions as amqp
from aiormq.abc import AbstractChannel as UnderlayChannel
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel as DataChannel
from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from pamqp.commands import Basic
from yarl import URL

from baton.errors import BatonError, BrokerUnavailable
from baton.transports.base import (
    Binding,
    Delivery,
    Publication,
    Topology,
    Transport,
    TransportListener,
)
from baton.transports.gathering_writer import GatheringWriter
from baton.transports.rabbitmq_errors import loss, refusal
from baton.transports.rabbitmq_terms import delivery_count, envelope_of, properties_of
from baton.transports.tls import client_context, server_name
from baton.transports.tolerant_reader import TolerantReader

if TYPE_CHECKING:
    from ssl import SSLContext

    from aio_pika.abc import AbstractChannel

    from baton.broker_url import Endpoint
    from baton.configuration import Configuration

_BLOCKED_POLL: Final = 0.5
_TURNS_TO_SETTLE: Final = 5
"""Turns of the loop in which aio-pika ends the tasks that it starts when a connection closes."""


class RabbitTransport(Transport):
    """A connection to one RabbitMQ node, with a data channel and a channel for topology."""

    def __init__(
        self,
        configuration: Configuration,
        endpoint: Endpoint,
        listener: TransportListener,
        name: str,
    ) -> None:
        self._configuration = configuration
        self._endpoint = endpoint
        self._listener = listener
        self._name = name
        name_to_verify = server_name(configuration, endpoint) if configuration.tls else None
        self._socket = _Socket(name_to_verify, self._on_heard)
        self._answers_left = ANSWERS
        self._connection: aio_pika.Connection | None = None
        self._control: AbstractChannel | None = None
        self._control_error: BaseException | None = None
        self._channel: AbstractChannel | None = None
        self._data: DataChannel | None = None
        self._consumers: dict[str, str] = {}
        self._acknowledgements: _Acknowledgements | None = None
        self._received: list[Delivery] = []
        self._settled: list[int] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def open(self) -> None:
        connection = aio_pika.Connection(self._url(), ssl_context=self._ssl_context())
        connection.kwargs["transport_factory"] = self._socket
        self._connection = connection
        with self._translated():
            await connection.connect()
        connection.close_callbacks.add(self._on_lost)
        await self.renew()
        self._answers_left = 0
        self._spawn(self._watch_blocked(connection))

    async def declare(self, topology: Topology) -> None:
        with self._translated():
            control = await self._open_control()
            self.answered()
            try:
                await self._declare(await control.get_underlay_channel(), topology)
                self.answered()
            except amqp.ChannelInvalidStateError:
                # Closed between two requests: why, only the channel's own end tells.
                await control.closed()
                raise self._control_error or BrokerUnavailable("the channel is closed") from None

    async def has_exchange(self, exchange: str) -> bool:
        with self._translated():
            channel = await self._open_channel(publisher_confirms=False)
            try:
                await channel.declare_exchange(exchange, passive=True)
            except amqp.ChannelNotFoundEntity:
                return False
            await channel.close()
            return True

    async def delete_exchange(self, exchange: str) -> None:
        with self._translated():
            channel = await self._open_channel(publisher_confirms=False)
            with suppress(amqp.ChannelPreconditionFailed):
                await channel.exchange_delete(exchange, if_unused=True)
                await channel.close()

    async def delete_queue(self, queue: str) -> None:
        with self._translated():
            channel = await self._open_channel(publisher_confirms=False)
            await channel.queue_delete(queue)
            await channel.close()

    async def count(self, queue: str) -> int | None:
        with self._translated():
            channel = await self._open_channel(publisher_confirms=False)
            try:
                declared = await channel.declare_queue(queue, passive=True)
            except amqp.ChannelNotFoundEntity:
                return None
            await channel.close()
            return declared.declaration_result.message_count

    async def unbind(self, binding: Binding) -> None:
        with self._translated():
            channel = await (await self._open_control()).get_underlay_channel()
            await channel.queue_unbind(
                binding.queue, binding.exchange, binding.key, arguments=dict(binding.arguments)
            )

    async def consume(self, queue: str, prefetch: int) -> None:
        with self._translated():
            data = self._open_data()
            await data.basic_qos(prefetch_count=prefetch)
            self.answered()
            tag = f"{queue}.{len(self._consumers)}"
            self._consumers[tag] = queue
            await data.basic_consume(
                queue, partial(self._on_delivery, data, queue), consumer_tag=tag
            )

    async def cancel(self, queue: str) -> None:
        with self._translated():
            if self._acknowledgements is not None:
                await self._acknowledgements.flush(wait=False)
            for tag in [tag for tag, name in self._consumers.items() if name == queue]:
                del self._consumers[tag]
                await self._open_data().basic_cancel(tag)

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        if self._acknowledgements is not None:
            self._acknowledgements.add(self._tags(deliveries))

    def reject(self, deliveries: Sequence[Delivery]) -> None:
        if self._acknowledgements is not None:
            self._acknowledgements.refuse(self._tags(deliveries), requeue=False)

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        if self._acknowledgements is not None:
            self._acknowledgements.refuse(self._tags(deliveries), requeue=True)

    def publish(self, publications: Sequence[Publication]) -> None:
        data = self._data
        if data is None or data.is_closed:
            return
        # aiormq matches what is returned by message id alone, which several targets share: of
        # those, one is under way at a time.
        mandatory = [publication for publication in publications if publication.mandatory]
        if mandatory:
            self._spawn(self._publish_mandatory(data, mandatory))
        for publication in publications:
            if not publication.mandatory:
                task = self._spawn(_publish(data, publication))
                task.add_done_callback(partial(self._on_settled, publication.number))

    async def renew(self) -> None:
        with self._translated():
            channel = await self._open_channel(publisher_confirms=True)
            data = cast("DataChannel", await channel.get_underlay_channel())
        self._consumers.clear()
        data.on_consumer_cancel_callbacks.add(self._on_cancelled)
        channel.close_callbacks.add(self._on_channel_lost)
        self._channel, self._data = channel, data
        self._acknowledgements = _Acknowledgements(data)
        self._spawn(self._acknowledgements.run())

    async def close(self) -> None:
        self._closed = True
        for task in self._tasks:
            task.cancel()
        if self._connection is not None:
            try:
                if self._acknowledgements is not None:
                    with suppress(BatonError), self._translated():
                        await self._acknowledgements.flush(wait=True)
                with suppress(amqp.AMQPError, OSError, RuntimeError):
                    await self._connection.close()
            finally:
                # Where the owner's deadline ends this early, nothing is left to wait for.
                self._socket.abort()
            for _ in range(_TURNS_TO_SETTLE):
                await asyncio.sleep(0)

    async def _declare(self, channel: UnderlayChannel, topology: Topology) -> None:
        for exchange in topology.exchanges:
            await channel.exchange_declare(
                exchange.name, exchange_type=exchange.kind, durable=exchange.durable, nowait=True
            )
        for queue in topology.queues:
            await channel.queue_declare(
                queue.name,
                durable=queue.durable,
                exclusive=queue.exclusive,
                arguments=dict(queue.arguments),
                nowait=True,
            )
        for binding in topology.bindings:
            await channel.queue_bind(
                binding.queue,
                binding.exchange,
                routing_key=binding.key,
                nowait=True,
                arguments=dict(binding.arguments),
            )
        # The broker answers in order: when it answers this, all of the above is done. It is
        # the one request that needs no permission.
        await channel.basic_qos(prefetch_count=0)

    async def _open_control(self) -> AbstractChannel:
        if self._control is None or self._control.is_closed:
            self._control = await self._open_channel(publisher_confirms=False)
            self._control.close_callbacks.add(self._on_control_lost)
        return self._control

    def _on_control_lost(self, _: object, error: BaseException | None) -> None:
        self._control_error = error

    async def _open_channel(self, *, publisher_confirms: bool) -> AbstractChannel:
        if self._connection is None:
            raise BrokerUnavailable("The transport was not opened")
        channel = self._connection.channel(publisher_confirms=publisher_confirms)
        await channel.initialize()
        return channel

    def _open_data(self) -> DataChannel:
        if self._data is None or self._data.is_closed:
            raise BrokerUnavailable(f"The channel to {self._endpoint} is closed")
        return self._data

    def _tags(self, deliveries: Sequence[Delivery]) -> list[int]:
        return [delivery.tag for delivery in deliveries if delivery.channel is self._data]

    def _spawn(self, coroutine: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _on_delivery(self, data: DataChannel, queue: str, message: DeliveredMessage) -> None:
        if not self._received:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._received.append(
            Delivery(
                queue=queue,
                tag=message.delivery_tag or 0,
                channel=data,
                routing_key=message.routing_key or "",
                body=message.body,
                envelope=envelope_of(message.header.properties),
                redelivered=bool(message.redelivered),
                received=time.monotonic(),
                delivery_count=delivery_count(message.header.properties.headers),
            )
        )

    def _hand_over(self) -> None:
        received, self._received = self._received, []
        if not self._closed:
            self._listener.delivered(received)

    async def _publish_mandatory(
        self, data: DataChannel, publications: Sequence[Publication]
    ) -> None:
        for publication in publications:
            task = self._spawn(_publish(data, publication))
            await asyncio.wait([task])
            came_back = not task.cancelled() and task.exception() is None
            if came_back and isinstance(task.result(), DeliveredMessage) and not self._closed:
                self._listener.returned(publication.number, "no queue takes that key")
            self._on_settled(publication.number, task)

    def _on_settled(self, number: int, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            return
        error = task.exception()  # in any case, or asyncio complains of each
        if self._closed:
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
        if not self._closed:
            self._listener.confirmed(settled)

    def _on_cancelled(self, frame: Basic.Cancel) -> None:
        queue = self._consumers.pop(frame.consumer_tag or "", None)
        if queue is not None and not self._closed:
            self._listener.cancelled(queue)

    def _on_channel_lost(self, _: object, error: BaseException | None) -> None:
        if self._acknowledgements is not None:
            self._acknowledgements.add([])  # its task looks, and ends with the channel
        if not self._closed:
            self._listener.channel_lost(self._translate(error))

    def _on_lost(self, _: object, error: BaseException | None) -> None:
        if not self._closed:
            self._closed = True
            self._listener.lost(self._translate_loss(error))

    async def _watch_blocked(self, connection: aio_pika.Connection) -> None:
        """aio-pika tells of a memory alarm only by making ``ready()`` wait."""
        blocked = False
        while connection.transport is not None:
            try:
                async with asyncio.timeout(0):
                    await connection.transport.ready()
            except TimeoutError:
                if not blocked:
                    self._listener.blocked(f"{self._endpoint} takes no messages (resource alarm)")
                blocked = True
            else:
                if blocked:
                    self._listener.unblocked()
                blocked = False
            await asyncio.sleep(_BLOCKED_POLL)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            # On a lost connection aiormq cancels the futures of those who wait.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise self._translate(None) from None
        except BatonError:
            raise
        except (amqp.AMQPError, OSError, RuntimeError) as error:
            raise self._translate(error) from error

    def _translate(self, error: BaseException | None) -> BatonError:
        return refusal(error) or self._translate_loss(error)

    def _translate_loss(self, error: BaseException | None) -> BrokerUnavailable:
        return loss(error, self._endpoint, self._configuration)

    def _ssl_context(self) -> SSLContext | None:
        return client_context(self._configuration) if self._configuration.tls else None

    def _url(self) -> URL:
        settings = self._configuration
        return make_url(
            host=self._endpoint.host,
            port=self._endpoint.port or 0,
            auth=settings.rabbit_auth,
            login=settings.rabbit_user,
            password="" if settings.rabbit_auth == "external" else settings.read_password(),
            virtualhost=settings.rabbit_vhost,
            ssl=settings.tls,
            name=self._name,
            heartbeat=settings.rabbit_heartbeat,
        )


class _Socket(TransportFactory):
    """Opens a socket, encrypted if there is a *server_name* to verify, and keeps hold of it so as
    to cut it. *heard* is called with each frame that is read from it."""

    def __init__(self, server_name: str | None, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._factory: TransportFactory = TCPTransportFactory()
        self._options = {}
        if server_name is not None:
            self._factory = TLSTransportFactory()
            self._options["server_hostname"] = server_name
        self._writer: asyncio.StreamWriter | None = None

    async def create(
        self, url: URL, **kwargs: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self._factory.create(url, **kwargs, **self._options)
        self._writer = GatheringWriter(reader, writer)
        return TolerantReader(reader, self._heard), self._writer

    def abort(self) -> None:
        """Close at once, without a word to the broker. Nothing happens if it is closed."""
        if self._writer is not None:
            self._writer.transport.abort()


class _Acknowledgements:
    """Acknowledges on one data channel: many at once where all before them are acknowledged."""

    def __init__(self, channel: DataChannel) -> None:
        self._channel = channel
        self._tags: list[int] = []
        self._refused: list[tuple[int, bool]] = []
        self._ahead: set[int] = set()
        self._lowest = 1
        self._wake = asyncio.Event()

    def add(self, tags: list[int]) -> None:
        self._tags += tags
        self._wake.set()

    def refuse(self, tags: list[int], *, requeue: bool) -> None:
        """They are not to be acknowledged, but to be dead-lettered or to wait again."""
        self._refused += [(tag, requeue) for tag in tags]
        self._wake.set()

    async def run(self) -> None:
        while not self._channel.is_closed:
            await self._wake.wait()
            self._wake.clear()
            await self.flush(wait=False)

    async def flush(self, *, wait: bool) -> None:
        """Send what was added and not sent yet; with *wait*, until it is in the socket."""
        with suppress(amqp.AMQPError, OSError, RuntimeError):
            refused, self._refused = self._refused, []
            for tag, requeue in refused:
                # A nack is no verdict on the message; RabbitMQ 4.3 counts a reject against it.
                await self._channel.basic_nack(tag, requeue=requeue, wait=wait)
                self._ahead.add(tag)
            for tag, multiple in self._coalesce():
                await self._channel.basic_ack(tag, multiple, wait=wait)

    def _coalesce(self) -> Iterator[tuple[int, bool]]:
        tags, self._tags = sorted(self._tags), []
        self._pass_over()
        run = 0
        while run < len(tags) and tags[run] == self._lowest:
            run += 1
            self._lowest += 1
            self._pass_over()
        if run:
            yield tags[run - 1], run > 1
        for tag in tags[run:]:
            self._ahead.add(tag)
            yield tag, False

    def _pass_over(self) -> None:
        """What was done with ahead of its turn needs none."""
        while self._lowest in self._ahead:
            self._ahead.remove(self._lowest)
            self._lowest += 1


def _publish(data: DataChannel, publication: Publication) -> Coroutine[Any, Any, Any]:
    return data.basic_publish(
        publication.body,
        exchange=publication.exchange,
        routing_key=publication.routing_key,
        properties=properties_of(publication.envelope),
        mandatory=publication.mandatory,
        wait=False,
    )
