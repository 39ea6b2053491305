"""The dead letters of an extension, for whoever looks after them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, Self, TypeVar

from baton.command import Requester
from baton.dead_letters.letter import Letter, read_letter
from baton.dead_letters.retrial import retrial
from baton.durable import dead_letters, expired
from baton.errors import (
    BatonError,
    BrokerError,
    BrokerUnavailable,
    InvalidMessage,
    LettersTaken,
    Locked,
    NotFound,
    PublishTimeout,
    UnknownLetter,
    Unroutable,
)
from baton.fleet.pool import connect, disconnect
from baton.fleet.session import Session
from baton.text import excerpt
from baton.transports import Delivery, Publication, Queue, Topology, Transport

if TYPE_CHECKING:
    from types import TracebackType

    from baton.configuration import Configuration
    from baton.extension import Extension

Answer = TypeVar("Answer")

_MOST: Final = 65_535
"""Letters that a look reaches: AMQP's highest prefetch count. The queue holds fewer, unless
somebody has declared it otherwise."""
_UNDER_WAY: Final = 50
"""Retries that wait for their confirms at once. So many may be done, and their letters stay, if the
connection is lost."""
_SHOWN: Final = 40
"""Characters of a name that is none."""
_NAMED: Final = 3
"""Letters that are named, of several."""


class DeadLetters(Session):
    """A look at the dead letters of *extension*, of one person at a time.

    ::

        async with DeadLetters(configuration, extension) as dead:
            async for letter in dead.letters():
                print(letter.server, letter.type, letter.reason)

    Looking takes nothing away: what was neither retried nor dropped is in the queue again, in
    its order, when the block ends. The broker holds the queue's letters back meanwhile.
    """

    unopened = "The dead letters were not opened"

    def __init__(self, configuration: Configuration, extension: Extension) -> None:
        super().__init__()
        self.waiting: int | None = None
        """How many there are; None if there is no such queue, because no durable consumer of the
        extension has run on this vhost."""
        self.expired = 0
        """How many commands expired within the last day in the queues of servers."""
        self._configuration = configuration
        self._extension = extension
        self._queue = dead_letters(extension)
        self._requester = Requester.of(configuration, extension)
        self._inbox: deque[Delivery] = deque()
        self._told = asyncio.Event()
        self._published = 0
        self._unsettled: set[int] = set()
        self._returned: set[int] = set()
        self._dropped = False

    async def __aenter__(self) -> Self:
        """Connect to one host of the pool, and lock the letters.

        Raises BrokerUnavailable if none can be reached, AuthenticationFailed if one refuses us,
        LettersTaken if somebody else is looking at them, another BrokerError for what the broker
        refuses.
        """
        name = f"{self._extension.name} dead letters"
        self._transport = await connect(self._configuration, self, name)
        try:
            await self._look()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disconnect. Raises BrokerUnavailable, if nothing else is wrong, where the broker does not
        say that what was dropped is gone: it may be there still."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        try:
            if self._dropped and kind is None:
                await self._within(transport.cancel(self._queue))
        except BrokerUnavailable as silence:
            raise BrokerUnavailable(
                f"{silence}: what was retried or dropped may be a dead letter still"
            ) from None
        finally:
            await disconnect(transport, self._configuration.deadline)

    async def letters(self) -> AsyncIterator[Letter]:
        """Each of those that were there when the block began, the oldest first. To be called once.

        Raises BrokerUnavailable if the connection is lost or the broker falls silent.
        """
        if not self.waiting:
            return
        number = min(self.waiting, _MOST)
        transport = self._require_transport()
        await self._within(transport.consume(self._queue, number))
        known: set[str] = set()
        for _ in range(number):
            delivery = await self._next(transport)
            if delivery is None:
                return
            yield read_letter(delivery, self._extension, known)

    async def find(self, names: Sequence[str]) -> list[Letter]:
        """The letters that *names* mean, the oldest first: each is what the id of one letter, or
        of its command, begins with; the whole id of a command means all of its letters.

        Takes the place of :meth:`letters`. Raises UnknownLetter for a name that means none, or
        leaves open which.
        """
        found: dict[str, list[Letter]] = {name: [] for name in names}
        async for letter in self.letters():
            for name, letters in found.items():
                if letter.is_called(name):
                    letters.append(letter)
        for name, letters in found.items():
            self._check_one(name, letters)
        order = {each.id: each for letters in found.values() for each in letters}
        return sorted(order.values(), key=lambda each: each.delivery.tag)

    async def retry(self, letter: Letter, expires: float | None = None) -> str:
        """Have *letter* done once more by the server that it died on, within *expires* seconds (by
        default the setting ``EXPIRES``); returns the message id of the new command.

        The letter is dropped when the broker has confirmed the command. It stays where this
        raises: Unroutable if the server's queue does not exist any more, InvalidMessage for a
        letter of which no command can be made or an expiry that is none, PublishTimeout if the
        outcome is unknown, BrokerUnavailable or another BrokerError if it was not published.
        """
        return await self._outcome(letter, self._send(letter, expires))

    async def retry_all(
        self, letters: AsyncIterable[Letter], expires: float | None = None
    ) -> AsyncIterator[tuple[Letter, str | Unroutable | InvalidMessage]]:
        """Do what :meth:`retry` does with each of *letters*, without a wait for each: yields each,
        in order, with the message id of the new command, or with why it stays.

        Raises what else :meth:`retry` does; before that, those that the broker has confirmed are
        yielded.
        """
        under_way: deque[tuple[Letter, Publication | InvalidMessage]] = deque()
        try:
            async for letter in letters:
                under_way.append((letter, self._try_to_send(letter, expires)))
                while under_way and (
                    len(under_way) == _UNDER_WAY or self._is_settled(under_way[0][1])
                ):
                    yield await self._told_of(*under_way[0])
                    under_way.popleft()
            while under_way:
                yield await self._told_of(*under_way[0])
                under_way.popleft()
        except BatonError:
            for letter, sent in under_way:
                if self._is_settled(sent):
                    yield await self._told_of(letter, sent)
            raise

    def drop(self, letter: Letter) -> None:
        """Have done with *letter*: it is gone when the block has ended. Raises a BrokerError if
        the connection or the letters were lost meanwhile."""
        self._raise_failure()
        self._done_with(letter)

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        """Part of the transport's listener: letters came."""
        self._inbox.extend(deliveries)
        self._told.set()

    def confirmed(self, numbers: Sequence[int]) -> None:
        """Part of the transport's listener: retries are with the broker."""
        self._unsettled.difference_update(numbers)
        self._told.set()

    def refused(self, numbers: Sequence[int]) -> None:
        """Part of the transport's listener: the broker does not take a retry."""
        self._fail(BrokerError("The broker refused the command (basic.nack): the letter stays"))

    def returned(self, number: int) -> None:
        """Part of the transport's listener: a server's queue has gone."""
        self._returned.add(number)

    def cancelled(self, queue: str) -> None:
        """Part of the transport's listener: somebody deleted the letters."""
        self._fail(NotFound(f"The queue {queue} was deleted meanwhile"))

    def _send(self, letter: Letter, expires: float | None) -> Publication:
        seconds = self._configuration.expires if expires is None else expires
        publication = retrial(letter, self._requester, self._published + 1, seconds)
        self._raise_failure()
        self._published += 1
        self._unsettled.add(publication.number)
        self._require_transport().publish([publication])
        return publication

    def _try_to_send(self, letter: Letter, expires: float | None) -> Publication | InvalidMessage:
        try:
            return self._send(letter, expires)
        except InvalidMessage as error:
            return error

    def _is_settled(self, sent: Publication | InvalidMessage) -> bool:
        return isinstance(sent, InvalidMessage) or sent.number not in self._unsettled

    async def _outcome(self, letter: Letter, sent: Publication) -> str:
        """The id of the command that was *sent*, once the broker has it. Raises why it has not."""
        try:
            await self._until(lambda: self._is_settled(sent))
        except TimeoutError:
            raise PublishTimeout(
                f"The broker did not confirm the retry of {letter.id}: it may be done all the "
                "same, and the letter stays"
            ) from None
        if sent.number in self._returned:
            raise Unroutable([sent.routing_key], "")
        self._done_with(letter)
        return str(sent.envelope.message_id)

    async def _told_of(
        self, letter: Letter, sent: Publication | InvalidMessage
    ) -> tuple[Letter, str | Unroutable | InvalidMessage]:
        if isinstance(sent, InvalidMessage):
            return letter, sent
        try:
            return letter, await self._outcome(letter, sent)
        except Unroutable as error:
            return letter, error

    def _done_with(self, letter: Letter) -> None:
        self._require_transport().acknowledge([letter.delivery])
        self._dropped = True

    async def _look(self) -> None:
        transport = self._require_transport()
        number = await self._within(transport.count(expired(self._extension)))
        self.expired = number or 0
        if await self._within(transport.count(self._queue)) is None:
            return
        lock = Queue(f"{self._queue}.lock", exclusive=True)
        try:
            await self._within(transport.declare(Topology(queues=[lock])))
        except Locked:
            raise LettersTaken(
                f"Somebody else is looking at the dead letters of {self._extension.name} "
                f"(they hold the queue {lock.name}): try again when they have finished"
            ) from None
        # Only now nobody else holds some of them.
        self.waiting = await self._within(transport.count(self._queue))

    async def _next(self, transport: Transport) -> Delivery | None:
        """The next one; None if no more come: the oldest make room for new ones."""
        while not self._inbox:
            try:
                await self._until(lambda: bool(self._inbox))
            except TimeoutError:
                if await self._within(transport.count(self._queue)) == 0:
                    return None
                raise self._silence() from None
        return self._inbox.popleft()

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for *condition*. Raises TimeoutError if nothing is heard for the deadline, and what
        went wrong meanwhile."""
        while not condition():
            self._raise_failure()
            self._told.clear()
            async with asyncio.timeout(self._configuration.deadline):
                await self._told.wait()

    async def _within(self, awaitable: Awaitable[Answer]) -> Answer:
        try:
            async with asyncio.timeout(self._configuration.deadline):
                return await awaitable
        except TimeoutError:
            raise self._silence() from None

    def _silence(self) -> BrokerUnavailable:
        return BrokerUnavailable(
            f"The broker does not answer within {self._configuration.deadline:g} s"
        )

    def _check_one(self, name: str, letters: Sequence[Letter]) -> None:
        shown = excerpt(name, _SHOWN)
        if not letters:
            raise UnknownLetter(
                f'No dead letter of {self._extension.name} is called "{shown}", and none is of a '
                "command that is"
            )
        if len(letters) > 1 and any(letter.command != name for letter in letters):
            others = ", ".join(letter.id for letter in letters[:_NAMED])
            more = ", …" if len(letters) > _NAMED else ""
            raise UnknownLetter(
                f'"{shown}" may be {len(letters)} dead letters of {self._extension.name}: '
                f"{others}{more}; more of the id is needed, or the whole id of a command"
            )

    def _wake(self) -> None:
        self._told.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
