"""The transport to RabbitMQ, on aio-pika.

aio-pika connects, opens channels and closes. Publishes, deliveries and acknowledgements go through
the public API of aiormq, the library that aio-pika stands on, whose channel it hands out: that
spares a ``Message`` object and a wrapper task each way.

Topology is declared on a channel of its own, so that a refusal, which closes the channel, takes
no delivery with it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import aio_pika
from aio_pika.connection import make_url
from aiormq import exceptions as amqp
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel as DataChannel
from pamqp.commands import Basic

from baton.errors import (
    AuthenticationFailed,
    BatonError,
    BrokerUnavailable,
    FlagMismatch,
    Locked,
    MessageTooLarge,
    NotFound,
    NotPermitted,
    TopologyError,
)
from baton.message import Envelope
from baton.transports.base import Delivery, Publication, Topology, Transport, TransportListener

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel

    from baton.broker_url import Endpoint
    from baton.configuration import Configuration

_BLOCKED_POLL: Final = 0.5


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
        self._connection: aio_pika.Connection | None = None
        self._control: AbstractChannel | None = None
        self._channel: AbstractChannel | None = None
        self._data: DataChannel | None = None
        self._consumers: dict[str, str] = {}
        self._acknowledgements: _Acknowledgements | None = None
        self._received: list[Delivery] = []
        self._settled: list[int] = []
        self._mandatory: dict[int, Publication] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def open(self) -> None:
        connection = aio_pika.Connection(self._url(), ssl_context=self._ssl_context())
        self._connection = connection
        with self._translated():
            await connection.connect()
        connection.close_callbacks.add(self._on_lost)
        await self.renew()
        self._spawn(self._watch_blocked(connection))

    async def declare(self, topology: Topology) -> None:
        with self._translated():
            if self._control is None or self._control.is_closed:
                self._control = await self._open_channel(publisher_confirms=False)
            channel = await self._control.get_underlay_channel()
            for exchange in topology.exchanges:
                await channel.exchange_declare(
                    exchange.name, exchange_type="direct", durable=exchange.durable, nowait=True
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
                    binding.queue, binding.exchange, routing_key=binding.key, nowait=True
                )
            # The broker answers in order: when it answers this, all of the above is done. It is
            # the one request that needs no permission.
            await channel.basic_qos(prefetch_count=0)

    async def delete_queue(self, queue: str) -> None:
        with self._translated():
            channel = await self._open_channel(publisher_confirms=False)
            await channel.queue_delete(queue)
            await channel.close()

    async def consume(self, queue: str, prefetch: int) -> None:
        with self._translated():
            data = self._open_data()
            await data.basic_qos(prefetch_count=prefetch)
            tag = f"{queue}.{len(self._consumers)}"
            self._consumers[tag] = queue
            await data.basic_consume(
                queue, partial(self._on_delivery, data, queue), consumer_tag=tag
            )

    async def cancel(self, queue: str) -> None:
        with self._translated():
            for tag in [tag for tag, name in self._consumers.items() if name == queue]:
                del self._consumers[tag]
                await self._open_data().basic_cancel(tag)

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        if self._acknowledgements is not None:
            self._acknowledgements.add([d.tag for d in deliveries if d.channel is self._data])

    def publish(self, publications: Sequence[Publication]) -> None:
        data = self._data
        if data is None or data.is_closed:
            return
        for publication in publications:
            if publication.mandatory:
                self._mandatory[publication.number] = publication
            task = self._spawn(
                data.basic_publish(
                    publication.body,
                    exchange=publication.exchange,
                    routing_key=publication.routing_key,
                    properties=_properties(publication.envelope),
                    mandatory=publication.mandatory,
                    wait=False,
                )
            )
            task.add_done_callback(partial(self._on_settled, publication.number))

    async def renew(self) -> None:
        with self._translated():
            channel = await self._open_channel(publisher_confirms=True)
            data = cast("DataChannel", await channel.get_underlay_channel())
        self._consumers.clear()
        self._mandatory.clear()
        data.on_return_callbacks.add(self._on_return)
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
            with suppress(amqp.AMQPError, OSError, RuntimeError):
                await self._connection.close()

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
                envelope=_envelope(message.header.properties),
                redelivered=bool(message.redelivered),
                received=time.monotonic(),
            )
        )

    def _hand_over(self) -> None:
        received, self._received = self._received, []
        if not self._closed:
            self._listener.delivered(received)

    def _on_return(self, message: DeliveredMessage) -> None:
        # Several targets share a message id, so the key tells which of them came back. The
        # broker returns a publication before it confirms it.
        message_id = message.header.properties.message_id
        for number, publication in self._mandatory.items():
            if (publication.envelope.message_id, publication.routing_key) == (
                message_id,
                message.routing_key,
            ):
                del self._mandatory[number]
                self._listener.returned(number, "no queue takes that key")
                return

    def _on_settled(self, number: int, task: asyncio.Task[Any]) -> None:
        self._mandatory.pop(number, None)
        if task.cancelled() or self._closed:
            return
        error = task.exception()
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
        return _refusal(error) or self._translate_loss(error)

    def _translate_loss(self, error: BaseException | None) -> BrokerUnavailable:
        user, vhost = self._configuration.rabbit_user, self._configuration.rabbit_vhost
        match error:
            case amqp.ProbableAuthenticationError() | amqp.AuthenticationError():
                return AuthenticationFailed(
                    f'{self._endpoint} refused the user "{user}": wrong user or password'
                )
            case amqp.InvalidFrameError() if "OpenOk" in str(error):
                # aiormq wants OpenOk and drops the Close frame that says why it does not come.
                return AuthenticationFailed(
                    f'{self._endpoint} refused the vhost "{vhost}" to the user "{user}": '
                    "it does not exist, or the user has no permission there"
                )
        return BrokerUnavailable(f"{self._endpoint}: {_reason(error)}")

    def _ssl_context(self) -> Any:
        if not self._configuration.tls:
            return None
        from baton.transports.tls import client_context  # noqa: PLC0415

        return client_context(self._configuration)

    def _url(self) -> Any:
        settings = self._configuration
        return make_url(
            host=self._endpoint.host,
            port=self._endpoint.port or 0,
            login=settings.rabbit_user,
            password=settings.read_password(),
            virtualhost=settings.rabbit_vhost,
            ssl=settings.tls,
            name=self._name,
            heartbeat=settings.rabbit_heartbeat,
        )


class _Acknowledgements:
    """Acknowledges on one data channel: many at once where all before them are acknowledged."""

    def __init__(self, channel: DataChannel) -> None:
        self._channel = channel
        self._tags: list[int] = []
        self._ahead: set[int] = set()
        self._lowest = 1
        self._wake = asyncio.Event()

    def add(self, tags: list[int]) -> None:
        self._tags += tags
        self._wake.set()

    async def run(self) -> None:
        with suppress(amqp.AMQPError, OSError, RuntimeError):
            while not self._channel.is_closed:
                await self._wake.wait()
                self._wake.clear()
                for tag, multiple in self._coalesce():
                    await self._channel.basic_ack(tag, multiple, wait=False)

    def _coalesce(self) -> Iterator[tuple[int, bool]]:
        tags, self._tags = sorted(self._tags), []
        run = 0
        while run < len(tags) and tags[run] == self._lowest:
            run += 1
            self._lowest += 1
            while self._lowest in self._ahead:
                self._ahead.remove(self._lowest)
                self._lowest += 1
        if run:
            yield tags[run - 1], run > 1
        for tag in tags[run:]:
            self._ahead.add(tag)
            yield tag, False


def _properties(envelope: Envelope) -> Basic.Properties:
    timestamp, expires = envelope.timestamp, envelope.expires
    return Basic.Properties(
        content_type=envelope.content_type,
        headers=dict(envelope.headers) if envelope.headers else None,
        delivery_mode=2 if envelope.persistent else 1,
        correlation_id=envelope.correlation_id,
        reply_to=envelope.reply_to,
        expiration=None if expires is None else str(int(expires * 1000)),
        message_id=envelope.message_id,
        timestamp=None if timestamp is None else datetime.fromtimestamp(timestamp, UTC),
        user_id=envelope.user_id,
        app_id=envelope.app_id,
    )


def _envelope(properties: Basic.Properties) -> Envelope:
    timestamp, expiration = properties.timestamp, properties.expiration
    return Envelope(
        message_id=properties.message_id,
        correlation_id=properties.correlation_id,
        reply_to=properties.reply_to,
        timestamp=None if timestamp is None else timestamp.timestamp(),
        expires=int(expiration) / 1000 if expiration and expiration.isdecimal() else None,
        user_id=properties.user_id,
        app_id=properties.app_id,
        content_type=properties.content_type,
        persistent=properties.delivery_mode == 2,
        headers=properties.headers or {},
    )


_INEQUIVALENT = re.compile(
    r"inequivalent arg '(?P<flag>[^']+)' for (?P<kind>exchange|queue) '(?P<name>[^']*)'"
    r".*received (?P<ours>.+) but current is (?P<theirs>.+)$"
)
_TOO_LARGE = re.compile(r"message size (\d+) is larger than configured max size (\d+)")


def _refusal(error: BaseException | None) -> BatonError | None:
    """What the broker refused on a channel, in our words; None if it was something else."""
    text = _reason(error)
    if isinstance(error, amqp.ChannelNotFoundEntity):
        return NotFound(text)
    if isinstance(error, amqp.ChannelAccessRefused):
        return NotPermitted(text)
    if isinstance(error, amqp.ChannelLockedResource):
        return Locked(text)
    if isinstance(error, amqp.ChannelPreconditionFailed):
        if too_large := _TOO_LARGE.search(text):
            return MessageTooLarge(int(too_large[1]), int(too_large[2]))
        return _flag_mismatch(text) or TopologyError(text)
    return None


def _flag_mismatch(text: str) -> TopologyError | None:
    """What *text*, the broker's answer 406, says of an exchange's or a queue's flags, and what to
    set; None if it says something else."""
    found = _INEQUIVALENT.search(text)
    if found is None:
        return None
    flag, kind, name = found["flag"], found["kind"], found["name"]
    ours, theirs = found["ours"].strip("'"), found["theirs"].strip("'")
    if kind == "exchange" and flag == "durable":
        remedy = f"set INTEROP: {str(theirs == 'false').lower()}, or delete the exchange"
    elif kind == "queue" and flag == "x-queue-type":
        remedy = "set CLUSTER to what it was, or delete the queue"
    else:
        setting = "EXCHANGE or EXCHANGE_OUT" if kind == "exchange" else "--instance"
        remedy = f"delete the {kind}, or choose another name with {setting}"
    return FlagMismatch(
        f'The {kind} "{name}" exists with {flag}={theirs}, Baton needs {flag}={ours}: {remedy}'
    )


def _reason(error: BaseException | None) -> str:
    """The words of *error*, without the exception's own frame around them."""
    if error is None:
        return "the connection was lost"
    if error.args and isinstance(error.args[0], int) and error.args[0] in errno.errorcode:
        return os.strerror(error.args[0]).lower()
    words = [str(part) for part in error.args if isinstance(part, str) and part]
    if words:
        return " ".join(words[-1].split())
    cause = error.__cause__ or error.__context__
    return _reason(cause) if cause is not None else type(error).__name__
