"""Who asks: publishes commands, and keeps an account of each until it is finished or missing."""

from __future__ import annotations

import asyncio
import heapq
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from baton import API, Configuration
from baton.errors import BrokerError, PublishTimeout, Unroutable
from baton.exchanges import output_exchange
from baton.extension import find_extension
from baton.link import Link, Phase
from baton.message import END_HEADER, new_id
from baton.transports import Binding, Delivery, Publication, Queue, Topology, Transport
from faults.history import History, Kind
from faults.work import EXTENSION

_PREFETCH = 1000
_PAUSE = 0.1
"""Seconds before what was not taken is tried again."""
_PATIENCE = 3.0
"""Seconds that the end of a command, which began as late as it may, is waited for."""


class WorkAPI(API):
    """An API that says what came of each command, whose id is known before it is published."""

    extension = EXTENSION

    def work(
        self, server: str, message: dict[str, Any], expires: float, reply_to: str | None = None
    ) -> Publication:
        """The command for one *server*."""
        (publication,) = self._requester.command(
            message, server, reply_to=reply_to, expires=expires
        )
        return publication

    async def outcomes(
        self, publications: Sequence[Publication]
    ) -> list[tuple[Publication, Exception | None]]:
        """Publish all of them, pipelined; what :meth:`baton.API.publish` would have raised."""
        timeout = self.configuration.deadline
        outcomes = await asyncio.to_thread(self._publisher.publish, publications, timeout)
        return list(zip(publications, outcomes, strict=True))


@dataclass(frozen=True, slots=True)
class Order:
    """A command to be given: to which server, and how many seconds it works for."""

    server: str
    takes: float


class Requester:
    """Gives orders, *under_way* of them at a time, and gives up none that was not taken.

    The replies come to a durable queue, which a lost connection does not take along: so the
    account is of what the services said, not of what the requester could hear.
    """

    def __init__(
        self, configuration: Configuration, history: History, expires: float, under_way: int
    ) -> None:
        self.settled = 0
        self._history = history
        self._expires = expires
        self._room = under_way
        self._api = WorkAPI(configuration)
        self._replies = _Replies(configuration, self._ended)
        self._open: set[str] = set()
        self._deadlines: list[tuple[float, str]] = []
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Listen for replies. Returns when it does."""
        self._replies.start()
        await self._replies.listening.wait()

    async def stop(self) -> None:
        """Disconnect."""
        await self._replies.stop()
        await asyncio.to_thread(self._api.close)

    async def give(self, orders: Sequence[Order]) -> None:
        """Publish *orders*, in this order, as there is room. What nobody takes is tried again,
        under the same id, until somebody does."""
        publications = [self._command(order) for order in orders]
        await self.until(lambda: len(self._open) + len(orders) <= self._room)
        for each in publications:
            self._note(Kind.SENT, each)
        while publications:
            again = []
            for each, error in await self._api.outcomes(publications):
                # Refused is unknown, too: one queue could not take it, another may have.
                is_refused = type(error) is BrokerError
                if error is None or isinstance(error, PublishTimeout) or is_refused:
                    self._note(Kind.CONFIRMED if error is None else Kind.UNKNOWN, each)
                    self._expect(str(each.envelope.message_id))
                    continue
                if isinstance(error, Unroutable):
                    self._note(Kind.UNROUTABLE, each)
                again.append(each)
            publications = again
            if again:
                await asyncio.sleep(_PAUSE)

    async def until(self, condition: Any) -> None:
        """Wait until *condition* holds of the account."""
        while not condition():
            self._changed.clear()
            due = self._deadlines[0][0] - time.monotonic() if self._deadlines else None
            try:
                async with asyncio.timeout(due):
                    await self._changed.wait()
            except TimeoutError:
                self._give_up()

    async def complete(self) -> None:
        """Wait until each command is finished or missing."""
        await self.until(lambda: not self._open)

    def _command(self, order: Order) -> Publication:
        message = {"type": "work", "takes": order.takes}
        return self._api.work(order.server, message, self._expires, self._replies.key)

    def _expect(self, id: str) -> None:
        if id in self._replies.early:
            self._settle()
            return
        self._open.add(id)
        deadline = time.monotonic() + 2 * self._expires + _PATIENCE
        heapq.heappush(self._deadlines, (deadline, id))

    def _ended(self, id: str, outcome: str) -> None:
        self._history.add(Kind.FINISHED, id=id, detail=outcome)
        if id in self._open:
            self._open.discard(id)
            self._settle()

    def _give_up(self) -> None:
        while self._deadlines and self._deadlines[0][0] <= time.monotonic():
            _, late = heapq.heappop(self._deadlines)
            if late in self._open:
                self._open.discard(late)
                self._history.add(Kind.MISSING, id=late)
                self._settle()

    def _settle(self) -> None:
        self.settled += 1
        self._changed.set()

    def _note(self, kind: Kind, publication: Publication) -> None:
        self._history.add(kind, id=publication.envelope.message_id, server=publication.routing_key)


class _Replies(Link):
    """The queue of replies, and who listens on it."""

    def __init__(self, configuration: Configuration, ended: Any) -> None:
        super().__init__(configuration, "faults requester", self._note_state)
        self.key = new_id()
        self.early: set[str] = set()
        """Commands that have ended."""
        self.listening = asyncio.Event()
        self._ended = ended
        self._queue = Queue(
            f"faults-requester.{secrets.token_hex(8)}",
            durable=True,
            exclusive=False,
            arguments={"x-queue-type": "quorum" if configuration.cluster else "classic"},
        )
        self._exchange = output_exchange(configuration, find_extension(EXTENSION)).name
        self._consuming = False

    async def establish(self, transport: Transport) -> None:
        await self.assert_topology(transport)
        if not self._consuming:
            self._consuming = True
            await transport.consume(self._queue.name, _PREFETCH)

    async def assert_topology(self, transport: Transport) -> None:
        binding = Binding(self._queue.name, self._exchange, self.key)
        await transport.declare(Topology(queues=(self._queue,), bindings=(binding,)))

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        self.overtaken()
        for delivery in deliveries:
            envelope = delivery.envelope
            end = envelope.headers.get(END_HEADER)
            if end is not None and envelope.correlation_id not in self.early:
                self.early.add(str(envelope.correlation_id))
                self._ended(envelope.correlation_id, end["outcome"])
        if self.transport is not None:
            self.transport.acknowledge(deliveries)

    def cancelled(self, queue: str) -> None:
        self._consuming = False
        super().cancelled(queue)

    def detached(self) -> None:
        self._consuming = False

    def _note_state(self, state: Any) -> None:
        if state.phase is Phase.READY:
            self.listening.set()
