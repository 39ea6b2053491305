"""The transport to RabbitMQ, on aio-pika.

aio-pika connects, opens channels, declares and closes. Publishes, deliveries and acknowledgements
go past it, on the data path of :mod:`baton.transports.amqp`.

Topology is declared on a channel of its own, so that a refusal, which closes the channel, takes
no delivery with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, cast

import aio_pika
from aio_pika.connection import make_url
from aiormq import exceptions as amqp
from aiormq.abc import AbstractChannel as UnderlayChannel
from pamqp import frame

from baton.errors import BatonError, BrokerUnavailable
from baton.text import printable
from baton.transports.amqp.plain import PlainPath, watch_blocked
from baton.transports.amqp.socket import Socket, missing_hook
from baton.transports.amqp.tap import Tap
from baton.transports.amqp.tapped import TappedPath
from baton.transports.base import (
    ANSWERS,
    Binding,
    Delivery,
    Publication,
    Topology,
    Transport,
    TransportListener,
)
from baton.transports.rabbitmq_errors import loss, refusal
from baton.transports.rabbitmq_terms import requests_for
from baton.transports.tls import client_context, server_name

if TYPE_CHECKING:
    from ssl import SSLContext

    from aio_pika.abc import AbstractChannel
    from aiormq.channel import Channel
    from yarl import URL

    from baton.broker_url import Endpoint
    from baton.configuration import Configuration
    from baton.transports.amqp.path import DataPath

logger = logging.getLogger(__name__)

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
        self._tap = Tap(self._on_blocked, self._on_heard)
        self._answers_left = ANSWERS
        self._socket: Socket | None = None
        self._connection: aio_pika.Connection | None = None
        self._control: AbstractChannel | None = None
        self._control_error: BaseException | None = None
        self._channel: AbstractChannel | None = None
        self._path: DataPath | None = None
        self._watch: asyncio.Task[None] | None = None
        self._is_blocked = False
        self._closed = False

    async def open(self) -> None:
        context = self._ssl_context()
        self._connection = connection = aio_pika.Connection(self._url(), ssl_context=context)
        missing = missing_hook(connection)
        if missing is None:
            name = server_name(self._configuration, self._endpoint)
            self._socket = Socket(self._tap, context, name)
            connection.kwargs["transport_factory"] = self._socket
        else:
            logger.warning("Messages take the slow way, through aio-pika: %s", missing)
        with self._translated():
            await connection.connect()
        connection.close_callbacks.add(self._on_lost)
        await self.renew()
        self._answers_left = 0
        if isinstance(self._path, PlainPath):
            watch = watch_blocked(connection, self._on_blocked)
            self._watch = asyncio.get_running_loop().create_task(watch)

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
            path = self._open_path()
            await path.limit(prefetch)
            self.answered()
            await path.consume(queue)

    async def cancel(self, queue: str) -> None:
        with self._translated():
            await self._open_path().cancel(queue)

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        if self._path is not None:
            self._path.acknowledge(deliveries)

    def reject(self, deliveries: Sequence[Delivery]) -> None:
        if self._path is not None:
            self._path.refuse(deliveries, requeue=False)

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        if self._path is not None:
            self._path.refuse(deliveries, requeue=True)

    def publish(self, publications: Sequence[Publication]) -> None:
        if self._path is not None and not self._path.channel.is_closed:
            self._path.publish(publications)

    async def renew(self) -> None:
        with self._translated():
            channel = await self._open_channel(publisher_confirms=True)
            data = await channel.get_underlay_channel()
        path: DataPath
        if self._socket is None or self._socket.writer is None:
            path = PlainPath(data, self._listener)
        else:
            path = TappedPath(data, self._listener, self._tap, self._socket.writer)
        path.hold(self._is_blocked)
        channel.close_callbacks.add(partial(self._on_channel_lost, path))
        self._channel, self._path = channel, path

    async def close(self) -> None:
        self._closed = True
        if self._watch is not None:
            self._watch.cancel()
        if self._connection is not None:
            try:
                if self._path is not None:
                    with suppress(BatonError), self._translated():
                        await self._path.flush()
                    self._path.end()
                with suppress(amqp.AMQPError, OSError, RuntimeError):
                    await self._connection.close()
            finally:
                # Where the owner's deadline ends this early, nothing is left to wait for.
                if self._socket is not None:
                    self._socket.abort()
            for _ in range(_TURNS_TO_SETTLE):
                await asyncio.sleep(0)

    async def _declare(self, channel: UnderlayChannel, topology: Topology) -> None:
        requests = requests_for(topology)
        if self._socket is None or self._socket.writer is None:
            for request in requests:
                await cast("Channel", channel).rpc(request)
        elif not channel.is_closed:
            # In one write. aiormq takes a turn of the loop and a write for each: the pulse of a
            # thousand simulated servers made four times as many as their answers to a ping.
            frames = [frame.marshal(request, channel.number) for request in requests]
            self._socket.writer.write(b"".join(frames))
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

    def _open_path(self) -> DataPath:
        if self._path is None or self._path.channel.is_closed:
            raise BrokerUnavailable(f"The channel to {self._endpoint} is closed")
        return self._path

    def _on_heard(self) -> None:
        if self._answers_left:
            self._answers_left -= 1
            self.answered()

    def _on_channel_lost(self, path: DataPath, _: object, error: BaseException | None) -> None:
        if not self._closed:
            self._listener.channel_lost(self._translate(error))
        path.end()

    def _on_lost(self, _: object, error: BaseException | None) -> None:
        if self._path is not None:
            self._path.end()
        if not self._closed:
            self._closed = True
            self._listener.lost(self._translate_loss(error))

    def _on_blocked(self, reason: str | None) -> None:
        """The broker says why it takes no messages, or None if it does again."""
        self._is_blocked = reason is not None
        if self._path is not None:
            self._path.hold(self._is_blocked)
        if self._closed:
            return
        if reason is None:
            self._listener.unblocked()
        else:
            why = f"resource alarm: {printable(reason)}".removesuffix(": ")
            self._listener.blocked(f"{self._endpoint} takes no messages ({why})")

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
