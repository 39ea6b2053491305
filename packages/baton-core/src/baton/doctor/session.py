"""A connection of the doctor's own, on which everything has a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self, TypeVar

from baton.errors import BatonError, BrokerError, BrokerUnavailable
from baton.message import Envelope, encode_body
from baton.transports import Delivery, Publication, TransportListener, open_transport

if TYPE_CHECKING:
    from baton.broker_url import Endpoint
    from baton.configuration import Configuration

Answer = TypeVar("Answer")

NAME: Final = "baton doctor"
_FAREWELL: Final = 1.0
"""Seconds that a connection may take to close. A blocked one would take for ever."""

_LAST_WORDS: Final = 0.5
"""Seconds in which the reason of a loss follows the loss."""


class Session(TransportListener):
    """A connection to *endpoint* as a service makes it, for the time of a block.

    What is done on it raises a BatonError for what the broker refuses, and BrokerUnavailable if
    it does not answer within the setting ``DEADLINE``.
    """

    def __init__(self, configuration: Configuration, endpoint: Endpoint) -> None:
        self.transport = open_transport(configuration, endpoint, self, NAME)
        self.alarm = ""
        """Why the broker takes no messages; empty while it does."""

        self._configuration = configuration
        self._told = asyncio.Event()
        self._published = 0
        self._confirmed = 0
        self._deliveries: list[Delivery] = []
        self._error: BatonError | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._limited(self.transport.open(), "connecting")
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await self.transport.close()

    async def within(self, awaitable: Awaitable[Answer], what: str) -> Answer:
        """Wait for *awaitable*, a request to the transport."""
        try:
            return await self._limited(awaitable, what)
        except BrokerUnavailable as error:
            # Whoever waits hears that the connection is lost; why, the listener hears.
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS):
                    while self._error is None:
                        self._told.clear()
                        await self._told.wait()
            raise self._error or error from None

    async def publish(self, exchange: str, key: str) -> None:
        """Publish something there, and wait until the broker has taken it.

        While an alarm is in effect there it raises BrokerUnavailable, and ``alarm`` says so.
        """
        self._error = None
        self._published += 1
        envelope = Envelope(user_id=self._configuration.user_id, app_id=NAME)
        body = encode_body({"type": "doctor"})
        publication = Publication(self._published, exchange, key, body, envelope)
        self.transport.publish([publication])
        await self._until(lambda: self._confirmed >= self._published, "publishing")

    async def receive(self) -> Delivery:
        """The next message of a queue that is consumed."""
        await self._until(lambda: bool(self._deliveries), "waiting for a message")
        delivery = self._deliveries.pop(0)
        self.transport.acknowledge([delivery])
        return delivery

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        self._deliveries += deliveries
        self._told.set()

    def confirmed(self, numbers: Sequence[int]) -> None:
        self._confirmed = max(self._confirmed, *numbers)
        self._told.set()

    def refused(self, numbers: Sequence[int]) -> None:
        self._fail(BrokerUnavailable("the broker could not take a message (basic.nack)"))

    def channel_lost(self, error: BatonError) -> None:
        self._fail(error)

    def blocked(self, reason: str) -> None:
        self.alarm = reason
        self._told.set()

    def unblocked(self) -> None:
        self.alarm = ""

    def lost(self, error: BrokerError) -> None:
        self._fail(error)

    def _fail(self, error: BatonError) -> None:
        self._error = error
        self._told.set()

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        async def wait() -> None:
            while not condition():
                if self._error is not None:
                    raise self._error
                if self.alarm:
                    raise BrokerUnavailable(self.alarm)
                self._told.clear()
                await self._told.wait()

        await self._limited(wait(), what)

    async def _limited(self, awaitable: Awaitable[Answer], what: str) -> Answer:
        deadline = self._configuration.deadline
        try:
            async with asyncio.timeout(deadline):
                return await awaitable
        except TimeoutError:
            raise BrokerUnavailable(f"no answer within {deadline:g} s while {what}") from None
