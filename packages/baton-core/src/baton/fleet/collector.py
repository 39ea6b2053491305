"""The collector: a command is published, and what is said to it arrives as it is said.

The requester's own queue is bound to the output exchange by a random key that it sends along, so
neither monitors nor other requesters' replies pass through it. What arrives is acknowledged when
it is taken: the rest waits at the broker, however slow its reader.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

from baton.command import Requester
from baton.errors import (
    BrokerUnavailable,
    NotFound,
    PublishTimeout,
    Unroutable,
)
from baton.exchanges import output_exchange
from baton.fleet.pool import connect, disconnect, patience
from baton.fleet.reply import Reply, is_original, keys_of, read_reply
from baton.fleet.session import Session
from baton.fleet.tally import Tally
from baton.message import new_id
from baton.remembered import Remembered
from baton.transports import (
    Binding,
    Delivery,
    Publication,
    Queue,
    Topology,
)
from baton.transports.refusals import not_stored

if TYPE_CHECKING:
    from types import TracebackType

    from baton.configuration import Configuration
    from baton.extension import Extension

_PREFETCH: Final = 2000
"""Replies that wait here at most."""
_ACKNOWLEDGED: Final = 0.1
"""The share of those that are taken before they are acknowledged, together."""
_OVERTIME: Final = 100_000
"""Replies that may wait at the broker when the time is over, because their reader is slow: more
are not taken, from servers that never stop."""
_IDLE: Final = 5.0
"""Seconds after which the rest is: a broker wants its acknowledgements within half an hour."""
_WINDOW: Final = 250
"""Targets that are published to before the first of them is confirmed (docs/adr/0013): on a line of
20 ms so many take as long as one, and no answer is late for all the commands before its own."""
_PATIENCE: Final = 0.5
"""The share of the deadline for which a full window waits for a confirm."""
_LESS_PATIENCE: Final = 0.02
"""The same, when it has waited in vain."""
_REMEMBERED: Final = 50_000
"""Outputs by which one that is sent again is known; that happens soon, or not at all."""


class Collector(Session):
    """Sends one command and collects what is said to it.

    ::

        async with Collector(configuration, extension) as collector:
            await collector.send({"type": "ping"}, ["production"])
            async for reply in collector.replies(timeout=2):
                print(reply.fqdn, reply.elapsed)

    :class:`~baton.fleet.Collection` does more: it knows who is expected, and gives an account.
    """

    unopened = "The collector is not connected"

    def __init__(self, configuration: Configuration, extension: Extension) -> None:
        super().__init__()
        self.message_id: str | None = None
        self.targets: tuple[str, ...] = ()
        self.unroutable: tuple[str, ...] = ()
        self.tally = Tally()
        self.sent_at: float | None = None
        """By time.monotonic(), as all times here: when the first target was published to."""
        self.confirmed_at = 0.0
        """When the last target was confirmed, or published to where one is not confirmed."""
        self._configuration = configuration
        self._extension = extension
        self._requester = Requester.of(configuration, extension)
        self._exchange_out = output_exchange(configuration, extension).name
        self._reply_key = new_id()
        self._listening = False
        self._sending = False
        self._is_answered = False
        self._is_blocked = False
        self._published = 0
        self._times: dict[str, float] = {}
        self._inbox: deque[Delivery] = deque()
        self._taken: list[Delivery] = []
        self._count = 0
        self._arrived = asyncio.Event()
        self._seen = Remembered(_REMEMBERED)
        self._unsettled: dict[int, str] = {}
        self._refused: dict[int, str] = {}
        self._returned: dict[int, str] = {}
        self._progress = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Connect to one host of the pool.

        Raises BrokerUnavailable if none can be reached, AuthenticationFailed if one refuses us,
        CertificateRefused only if each does for its certificate or ours.
        """
        name = f"{self._extension.name} requester"
        self._transport = await connect(self._configuration, self, name)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            await disconnect(transport, self._configuration.deadline)

    def command(
        self, message: Mapping[str, Any], keys: Sequence[str], **options: Any
    ) -> list[Publication]:
        """What :meth:`send` would publish. Raises InvalidMessage as it does."""
        return self._requester.command(message, keys, reply_to=self._reply_key, **options)

    async def send(self, message: Mapping[str, Any], keys: Sequence[str], **options: Any) -> None:
        """Publish the command to *keys*.

        *options* are those of a command: ``expires``, ``where``, ``splay``. Called again, it sends
        to more targets under the same ``message_id``: a server that two of them reach does it once.

        Returns when the broker has confirmed it; :attr:`unroutable` then names the keys that
        nobody listens on. In a cluster whose other nodes have not noticed yet that one is dead, it
        does not confirm what goes to that node, too: the command goes to everybody nevertheless,
        and after the deadline without a word :attr:`unconfirmed` names those keys. So it does with
        a key for which the broker refuses the command, since one of several queues cannot take it.

        Raises Unroutable if nobody listens on any of *keys*, PublishTimeout if the broker confirms
        none of them and nobody answers, BrokerError if it refuses all and nobody answers,
        InvalidMessage for a wrong message or key.
        """
        publications = self._numbered(self.command(message, keys, **options))
        targets = [publication.routing_key for publication in publications]
        self.targets += tuple(targets)
        self._sending = True
        try:
            if not self._listening:
                await self._listen()
            self.tally.ask(targets)
            await self._publish(publications)
            self.confirmed_at = time.monotonic()
            if await self._settle(publications):
                self.confirmed_at = time.monotonic()
            await self._hear_of(publications)
        finally:
            self._sending = False
        # Of an earlier send, too, that the broker had not answered in time.
        returned, self._returned = self._returned, {}
        self.unroutable += tuple(returned.values())
        self.tally.give_up(list(returned.values()))
        if all(publication.number in returned for publication in publications):
            raise Unroutable(targets, self._requester.exchange)

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        """The targets for which the broker has not confirmed the command: it may still arrive."""
        return (*self._unsettled.values(), *self._refused.values())

    @property
    def silent(self) -> tuple[str, ...]:
        """The targets that somebody listens on, and from which nothing has come.

        A server is known by the ``fqdn``, ``environment`` and ``app_names`` that it says.
        """
        return self.tally.silent

    @property
    def is_complete(self) -> bool:
        """Whether each target has finished, and nothing waits to be yielded.

        Only names of servers can: of an environment nobody knows how many are in it.
        """
        return self.tally.targets_finished and not self._inbox

    async def replies(self, timeout: float) -> AsyncIterator[Reply]:
        """Yield each reply as it arrives, for *timeout* seconds after the publish.

        Ends earlier when it :attr:`is_complete`. What arrived in time is yielded, however slowly
        it is read. Raises BrokerUnavailable if the connection is lost.
        """
        deadline = self.confirmed_at + timeout
        last: int | None = None
        while True:
            while (reply := self.take()) is not None:
                yield reply
                if last is None and time.monotonic() >= deadline:
                    last = self.arrived
                if last is not None and self.count >= last:
                    return
            if self.is_complete or not await self.wait(deadline):
                return

    @property
    def count(self) -> int:
        """How many deliveries were taken."""
        return self._count

    @property
    def arrived(self) -> int:
        """How many have arrived by now, at most, with what was taken before: who has taken so
        many has missed none, and neither has who finds nothing to take. What comes later may be
        without end."""
        held = len(self._inbox) + len(self._taken)
        # Only a full window keeps some at the broker; else what is under way fits into it.
        is_full = held >= _PREFETCH * (1 - _ACKNOWLEDGED)
        return self._count + len(self._inbox) + (_OVERTIME if is_full else _PREFETCH)

    def take(self) -> Reply | None:
        """The next reply that has arrived, None if there is none.

        Raises BrokerUnavailable or another BrokerError if no more can come; what goes wrong while
        the command is sent is raised there.
        """
        while self._inbox:
            delivery = self._inbox.popleft()
            self._taken.append(delivery)
            self._count += 1
            if len(self._taken) >= _PREFETCH * _ACKNOWLEDGED:
                self._acknowledge()
            reply = self._read(delivery)
            if reply is not None:
                return reply
        if self._failure is not None and not self._sending:
            raise self._failure
        return None

    async def wait(self, deadline: float | None = None) -> bool:
        """Wait until something may have arrived, or :meth:`wake` is called, and return True; or
        False at *deadline*, by ``time.monotonic()``."""
        left = math.inf if deadline is None else deadline - time.monotonic()
        if left <= 0:
            return False
        idle = min(left, _IDLE) if self._taken else left
        try:
            async with asyncio.timeout(None if idle == math.inf else idle):
                await self._arrived.wait()
        except TimeoutError:
            self._acknowledge()
            return idle < left
        self._arrived.clear()
        return True

    def wake(self) -> None:
        """End a :meth:`wait`: there is something to look at."""
        self._arrived.set()

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        """Part of the transport's listener: replies came."""
        self._inbox.extend(deliveries)
        if not self._is_answered:
            ids = (delivery.envelope.correlation_id for delivery in deliveries)
            self._is_answered = self.message_id in ids
        self._arrived.set()
        self._progress.set()

    def confirmed(self, numbers: Sequence[int]) -> None:
        """Part of the transport's listener: the command is with the broker."""
        for number in numbers:
            self._unsettled.pop(number, None)
        self._progress.set()

    def blocked(self, reason: str) -> None:
        """Part of the transport's listener: the broker takes nothing for now."""
        self._is_blocked = True

    def unblocked(self) -> None:
        """Part of the transport's listener: it does again."""
        self._is_blocked = False
        self._progress.set()

    def refused(self, numbers: Sequence[int]) -> None:
        """Part of the transport's listener: of the queues that the command goes to, one does not
        take it. It may be full, or what is left of a server's on a node that is dead: the others
        have the command."""
        self._refused |= {n: self._unsettled.pop(n) for n in numbers if n in self._unsettled}
        self._progress.set()

    def returned(self, number: int) -> None:
        """Part of the transport's listener: nobody listens on a target."""
        key = self._unsettled.get(number)
        if key is not None:
            self._returned[number] = key

    def cancelled(self, queue: str) -> None:
        """Part of the transport's listener: somebody deleted our queue."""
        self._fail(BrokerUnavailable(f"The reply queue {queue} was deleted"))

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
            async with patience(transport, self._configuration.deadline):
                await transport.declare(Topology(queues=[queue], bindings=bindings))
                await transport.consume(queue.name, _PREFETCH)
        except NotFound:
            raise self._nobody(self._exchange_out) from None
        except TimeoutError:
            raise BrokerUnavailable("The broker does not answer") from None
        self._listening = True

    async def _publish(self, publications: Sequence[Publication]) -> None:
        """Publish in windows. Those that are not confirmed keep no others from being sent, but a
        broker that takes nothing at all, and says so, does."""
        transport = self._require_transport()
        given_up: set[int] = set()
        patience = self._configuration.deadline * _PATIENCE
        sent = 0
        while sent < len(publications):
            room = _WINDOW - len(self._unsettled.keys() - given_up)
            if room > 0:
                window = publications[sent : sent + room]
                self._note_sent(window)
                transport.publish(window)
                sent += len(window)
            elif not await self._make_room(patience, publications[sent - 1]):
                given_up.update(self._unsettled)
                patience = self._configuration.deadline * _LESS_PATIENCE

    def _note_sent(self, publications: Sequence[Publication]) -> None:
        now = time.monotonic()
        if self.sent_at is None:
            self.sent_at = now
        for publication in publications:
            self._unsettled[publication.number] = publication.routing_key
            self._times.setdefault(publication.routing_key, now)

    async def _make_room(self, patience: float, publication: Publication) -> bool:
        """Wait for a confirm; false if none comes within *patience* seconds from a broker that
        takes messages, as far as it says."""
        began = time.monotonic()
        last = began + self._longest(publication)
        full = len(self._unsettled)
        while len(self._unsettled) >= full and self._failure is None:
            now = time.monotonic()
            left = min(self._configuration.deadline, last - now)
            if not self._is_blocked:
                left = min(left, began + patience - now)
            if not await self._progresses(left):
                if self._is_blocked:
                    raise self._timeout(publication)
                return False
        self._raise_failure()
        return True

    async def _settle(self, publications: Sequence[Publication]) -> bool:
        """Wait until all of them are confirmed, as long as something moves; whether they are. A
        broker under load brings answers of the first servers before it has confirmed for the last
        ones."""
        numbers = range(publications[0].number, publications[-1].number + 1)
        last = time.monotonic() + self._longest(publications[-1])
        while (unconfirmed := self._count_unconfirmed(numbers)) and self._failure is None:
            if self.tally.targets_finished:
                break
            left = min(self._configuration.deadline, last - time.monotonic())
            if not await self._progresses(left):
                if self._is_blocked:
                    raise self._timeout(publications[-1])
                break
        self._raise_failure()
        if unconfirmed == len(numbers) and not self._is_answered:
            raise self._timeout(publications[-1])
        return not unconfirmed

    def _count_unconfirmed(self, numbers: range) -> int:
        return sum(number in numbers for number in self._unsettled)

    async def _hear_of(self, publications: Sequence[Publication]) -> None:
        """Of a command that was refused for each target, an answer tells that somebody has it."""
        while all(publication.number in self._refused for publication in publications):
            if self._is_answered:
                return
            if not await self._progresses(self._configuration.deadline):
                raise not_stored()
            self._raise_failure()

    async def _progresses(self, timeout: float) -> bool:
        """Whether the broker confirms or delivers something within *timeout* seconds."""
        self._progress.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._progress.wait()
        return self._progress.is_set()

    def _longest(self, publication: Publication) -> float:
        """Seconds that its confirm is waited for at most, whatever else moves."""
        return max(self._configuration.deadline, publication.envelope.expires or 0.0)

    def _timeout(self, publication: Publication) -> PublishTimeout:
        return PublishTimeout(
            "The broker did not confirm the command: it may still arrive, "
            f"until it expires in {publication.envelope.expires:g} s"
        )

    def _raise_failure(self) -> None:
        if isinstance(self._failure, NotFound):
            raise self._nobody(self._requester.exchange)
        if self._failure is not None:
            raise self._failure

    def _numbered(self, publications: Sequence[Publication]) -> list[Publication]:
        """*publications* under the id of the first that were sent, with numbers of their own."""
        envelope = publications[0].envelope
        if self.message_id is None:
            self.message_id = envelope.message_id
        envelope = replace(envelope, message_id=self.message_id)
        before, self._published = self._published, self._published + len(publications)
        return [
            replace(each, number=before + each.number, envelope=envelope) for each in publications
        ]

    def _nobody(self, exchange: str) -> Unroutable:
        self._failure = None
        self.unroutable = self.targets
        self.tally.give_up(self.targets)
        return Unroutable(self.targets, exchange, missing=True)

    def _acknowledge(self) -> None:
        if self._transport is not None:
            self._transport.acknowledge(self._taken)
        self._taken = []

    def _read(self, delivery: Delivery) -> Reply | None:
        """The reply that *delivery* is; None for what is another's, or was seen before."""
        envelope = delivery.envelope
        if not is_original(delivery) and envelope.correlation_id != self.message_id:
            return None
        if self._seen.ran_before(delivery):
            return None
        since = self.sent_at or 0.0
        reply = read_reply(delivery, delivery.received - since)
        if reply is None:
            return None
        keys = keys_of(reply.fqdn, reply.message)
        if len(self._times) > 1:  # else it is that of the one target there is
            times = [self._times[key] for key in keys if key in self._times]
            if times and min(times) != since:
                reply = replace(reply, elapsed=delivery.received - min(times))
        self.tally.add(reply, keys)
        return reply

    def _wake(self) -> None:
        self._progress.set()
        self._arrived.set()
