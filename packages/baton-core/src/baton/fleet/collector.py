"""Collecting replies: a command is published, and what is said to it arrives as it is said.

The requester's own queue is bound to the output exchange by a random key that it sends along, so
neither monitors nor other requesters' replies pass through it.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from baton.command import Requester
from baton.errors import (
    AuthenticationFailed,
    BatonError,
    BrokerError,
    BrokerUnavailable,
    CertificateRefused,
    InvalidMessage,
    NotFound,
    PublishTimeout,
    Unroutable,
)
from baton.exchanges import output_exchange
from baton.fleet.reply import Reply
from baton.message import END_HEADER, INSTANCE_HEADER, Message, new_id
from baton.server import Server
from baton.transports import (
    Binding,
    Delivery,
    Queue,
    Topology,
    Transport,
    TransportListener,
    open_transport,
)

if TYPE_CHECKING:
    from types import TracebackType

    from baton.broker_url import Endpoint
    from baton.configuration import Configuration
    from baton.extension import Extension

_PREFETCH: Final = 5000


class Collector(TransportListener):
    """Sends one command and collects what is said to it.

    ::

        async with Collector(configuration, extension) as collector:
            await collector.send({"type": "ping"}, ["production"])
            async for reply in collector.replies(timeout=2):
                print(reply.fqdn, reply.elapsed)
    """

    def __init__(self, configuration: Configuration, extension: Extension) -> None:
        self.message_id: str | None = None
        self.targets: tuple[str, ...] = ()
        self.unroutable: tuple[str, ...] = ()
        self._configuration = configuration
        self._extension = extension
        self._requester = Requester.of(configuration, extension)
        self._exchange_out = output_exchange(configuration, extension).name
        self._reply_key = new_id()
        self._transport: Transport | None = None
        self._sent_at = 0.0
        self._replies: asyncio.Queue[Reply | BatonError] = asyncio.Queue()
        self._seen: set[str] = set()
        self._open_instances: set[str] = set()
        self._finished: set[str] = set()
        self._heard: set[str] = set()
        self._unsettled: dict[int, str] = {}
        self._returned: list[str] = []
        self._settled = asyncio.Event()
        self._failure: BatonError | None = None

    async def __aenter__(self) -> Self:
        """Connect to one host of the pool.

        Raises BrokerUnavailable if none can be reached, AuthenticationFailed if one refuses us,
        CertificateRefused only if each does for its certificate or ours.
        """
        await self._connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()

    async def send(
        self, message: Mapping[str, Any], keys: Sequence[str], *, expires: float | None = None
    ) -> None:
        """Publish the command to *keys*.

        Returns when the broker has confirmed it; :attr:`unroutable` then names the keys that
        nobody listens on. Raises Unroutable if that is all of them, PublishTimeout if the broker
        does not confirm within the deadline, InvalidMessage for a wrong message or key, another
        BrokerError for what the broker refuses. Called once.
        """
        publications = self._requester.command(
            message, keys, reply_to=self._reply_key, expires=expires
        )
        self.message_id = publications[0].envelope.message_id
        self.targets = tuple(publication.routing_key for publication in publications)
        await self._listen()
        self._unsettled = {each.number: each.routing_key for each in publications}
        self._sent_at = time.perf_counter()
        self._require_transport().publish(publications)
        try:
            async with asyncio.timeout(self._configuration.deadline):
                await self._settled.wait()
        except TimeoutError:
            raise PublishTimeout(
                "The broker did not confirm the command: it may still arrive, "
                f"until it expires in {publications[0].envelope.expires:g} s"
            ) from None
        if isinstance(self._failure, NotFound):
            raise self._nobody(self._requester.exchange)
        if self._failure is not None:
            raise self._failure
        self.unroutable = tuple(self._returned)
        if len(self.unroutable) == len(self.targets):
            raise Unroutable(self.unroutable, self._requester.exchange)

    @property
    def silent(self) -> tuple[str, ...]:
        """The targets that somebody listens on, and from which nothing has come.

        A server is known by the ``fqdn``, ``environment`` and ``app_names`` that it says.
        """
        return tuple(
            key for key in self.targets if key not in self._heard and key not in self.unroutable
        )

    @property
    def is_complete(self) -> bool:
        """Whether each target has finished, and nothing waits to be yielded.

        Only names of servers can: of an environment nobody knows how many are in it.
        """
        targets = set(self.targets) - set(self.unroutable)
        return not self._open_instances and targets <= self._finished and self._replies.empty()

    async def replies(self, timeout: float) -> AsyncIterator[Reply]:
        """Yield each reply as it arrives, for *timeout* seconds after the publish.

        Ends earlier when it :attr:`is_complete`. Raises BrokerUnavailable if the connection is
        lost.
        """
        deadline = self._sent_at + timeout
        while not self.is_complete:
            try:
                async with asyncio.timeout(deadline - time.perf_counter()):
                    reply = await self._replies.get()
            except TimeoutError:
                return
            if isinstance(reply, BatonError):
                raise reply
            yield reply

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        """Part of the transport's listener: replies came."""
        self._require_transport().acknowledge(deliveries)
        for delivery in deliveries:
            reply = self._reply(delivery)
            if reply is not None:
                self._replies.put_nowait(reply)

    def confirmed(self, numbers: Sequence[int]) -> None:
        """Part of the transport's listener: the command is with the broker."""
        for number in numbers:
            self._unsettled.pop(number, None)
        if not self._unsettled:
            self._settled.set()

    def refused(self, numbers: Sequence[int]) -> None:
        """Part of the transport's listener: the broker does not take the command."""
        self._fail(BrokerError("The broker refused the command (basic.nack)"))

    def returned(self, number: int, reason: str) -> None:
        """Part of the transport's listener: nobody listens on a target."""
        key = self._unsettled.get(number)
        if key is not None:
            self._returned.append(key)

    def channel_lost(self, error: BatonError) -> None:
        """Part of the transport's listener: the broker refused something."""
        self._fail(error)

    def cancelled(self, queue: str) -> None:
        """Part of the transport's listener: somebody deleted our queue."""
        self._fail(BrokerUnavailable(f"The reply queue {queue} was deleted"))

    def lost(self, error: BrokerError) -> None:
        """Part of the transport's listener: the connection has gone."""
        self._fail(error)

    async def _connect(self) -> None:
        endpoints = self._configuration.endpoints
        failures: list[BrokerUnavailable] = []
        for endpoint in random.sample(endpoints, len(endpoints)):
            try:
                await self._open(endpoint)
            except CertificateRefused as error:
                # Another host may have a better one, but it has the same users.
                failures.append(error)
            except AuthenticationFailed:
                raise
            except BrokerUnavailable as error:
                failures.append(error)
            except TimeoutError:
                reason = f"{endpoint} (no answer in {self._configuration.deadline:g} s)"
                failures.append(BrokerUnavailable(reason))
            else:
                return
        if all(isinstance(failure, CertificateRefused) for failure in failures):
            raise CertificateRefused(", ".join(map(str, failures)))
        raise BrokerUnavailable(f"No broker could be reached: {', '.join(map(str, failures))}")

    async def _open(self, endpoint: Endpoint) -> None:
        name = f"{self._extension.name} requester"
        self._transport = open_transport(self._configuration, endpoint, self, name)
        try:
            async with asyncio.timeout(self._configuration.deadline):
                await self._transport.open()
        except BaseException:
            await self._close()
            raise

    async def _listen(self) -> None:
        transport = self._require_transport()
        queue = Queue(
            f"{self._extension.name}-requester.{secrets.token_hex(8)}",
            arguments={"x-queue-type": "classic"},
        )
        # A Ruby server answers with the empty key, and to nobody in particular.
        keys = [self._reply_key, ""] if self._configuration.interop else [self._reply_key]
        bindings = [Binding(queue.name, self._exchange_out, key) for key in keys]
        try:
            async with asyncio.timeout(self._configuration.deadline):
                await transport.declare(Topology(queues=[queue], bindings=bindings))
                await transport.consume(queue.name, _PREFETCH)
        except NotFound:
            raise self._nobody(self._exchange_out) from None
        except TimeoutError:
            raise BrokerUnavailable("The broker does not answer") from None

    def _nobody(self, exchange: str) -> Unroutable:
        self.unroutable = self.targets
        return Unroutable(self.targets, exchange, missing=True)

    async def _close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._configuration.deadline):
                    await transport.close()

    def _require_transport(self) -> Transport:
        if self._transport is None:
            raise BrokerUnavailable("The collector is not connected")
        return self._transport

    def _reply(self, delivery: Delivery) -> Reply | None:
        """The reply that *delivery* is; None for what is another's, or was seen before."""
        elapsed = time.perf_counter() - self._sent_at
        envelope = delivery.envelope
        original = INSTANCE_HEADER not in envelope.headers and envelope.correlation_id is None
        if not original and envelope.correlation_id != self.message_id:
            return None
        if envelope.message_id is not None:
            if envelope.message_id in self._seen:
                return None
            self._seen.add(envelope.message_id)
        try:
            message = Message.decode(delivery.body, envelope, delivery.routing_key)
        except InvalidMessage:
            return None
        header = envelope.headers.get(END_HEADER)
        end = header if isinstance(header, Mapping) else None
        fqdn = str(message.get("fqdn", ""))
        self._heard |= _keys(message)
        instance = str(envelope.headers.get(INSTANCE_HEADER, f"original {fqdn}"))
        if end is not None:
            self._open_instances.discard(instance)
            self._finished.add(fqdn)
        elif not original:
            self._open_instances.add(instance)
        return Reply(message, elapsed, instance, end, original)

    def _fail(self, error: BatonError) -> None:
        self._failure = error
        self._settled.set()
        self._replies.put_nowait(error)


def _keys(message: Message) -> set[str]:
    """The targets that reach the server that said *message*."""
    apps = message.get("app_names")
    server = Server(
        fqdn=str(message.get("fqdn", "")),
        environment=str(message.get("environment", "")),
        app_names=tuple(map(str, apps)) if isinstance(apps, list) else (),
    )
    return set(server.routing_keys)
