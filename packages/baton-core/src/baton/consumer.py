"""Consumers: what an extension does with each command."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baton.errors import (
    DeliveryLimitReached,
    HandlerTimeout,
    InvalidFilter,
    InvalidMessage,
    Reject,
)
from baton.message import Message, decode_body
from baton.observer import Observable
from baton.text import shorten, words_of

if TYPE_CHECKING:
    from baton.server import Server
    from baton.time_limit import TimeLimit
    from baton.transports import Delivery

logger = logging.getLogger(__name__)

ERROR_LIMIT: Final = 1000
"""Characters of an exception's text that an error output repeats at most."""


@dataclass(slots=True)
class Outcome:
    """What came of a command; ``error`` is the exception that ended it, None if it was done.
    ``type`` is the command's, empty if it could not be read. ``untold`` is why the error could not
    be notified, None if it was."""

    error: BaseException | None = None
    type: str = ""
    untold: BaseException | None = None

    @property
    def name(self) -> str:
        """``done`` or ``failed``, as ``baton-end`` has it."""
        return "done" if self.error is None else "failed"

    @property
    def is_hopeless(self) -> bool:
        """Whether nobody can do the command: it could not be read, or was given up."""
        unreadable = isinstance(self.error, InvalidMessage | InvalidFilter) and not self.type
        return unreadable or isinstance(self.error, Reject | DeliveryLimitReached)


class Consumer(Observable):
    """Processes the commands that reach a server under its routing keys.

    An extension overrides :meth:`process_message`, as ``async def`` or as a plain ``def``. A
    plain one runs in a worker thread, so that it may block. Commands are processed one at a time,
    in order of arrival; :attr:`concurrency` of them at once, if an ``async def`` asks for more.

    >>> from baton.server import Server
    >>> class Restart(Consumer):
    ...     def process_message(self, message):
    ...         self.notify_success(f"restarted {message['unit']}")
    >>> Restart("restart", Server("web01.example.org", "production")).routing_key
    'restart.production'
    """

    concurrency = 1

    durable = False
    """Whether commands wait while the server is away: its queue outlives the service. May be set
    on an instance before it is added. Such a command is run at least once, so a handler should do
    no harm when it is run again: ``message.redelivered`` says that it may have been begun."""

    def __init__(self, consumer_name: str, server: Server) -> None:
        self.consumer_name = consumer_name
        self.server = server

    @property
    def routing_key(self) -> str:
        """The key that commands for this consumer carry: ``<consumer_name>.<environment>``."""
        return f"{self.consumer_name}.{self.server.environment}"

    @property
    def routing_keys(self) -> tuple[str, ...]:
        """Every key to listen on; :attr:`routing_key` alone by default."""
        return (self.routing_key,)

    @property
    def blocking(self) -> bool:
        """Whether :meth:`process_message` is a plain ``def``, which needs a thread."""
        return not inspect.iscoroutinefunction(self.process_message)

    def process_message(self, message: Message) -> Awaitable[None] | None:
        """Do what *message* asks for.

        Called for each command that is a JSON object with a string ``type``, has not expired, and
        was not processed before. What it notifies is published at once and belongs to that
        command. What it raises becomes an error output; the service goes on. Reject, raised by a
        :attr:`durable` consumer, has the command dead-lettered, too.
        """
        raise NotImplementedError

    async def handle_message(self, delivery: Delivery, limit: TimeLimit) -> Outcome:
        """Decode *delivery* and process it on the event loop, within *limit*.

        A handler never wounds the service: whatever it raises is notified as an error. Raises
        CancelledError when the service gives up on it.
        """
        outcome = Outcome()
        try:
            message = decode(delivery)
            outcome.type = message.type
            try:
                with limit:
                    result = self.process_message(message)
                    if result is not None:
                        await result
            except TimeoutError:
                if not limit.expired:
                    raise
                raise HandlerTimeout(f"{message.type} took more than {limit.seconds:g} s") from None
        except BaseException as error:  # SystemExit too
            if _is_given_up(error):
                raise
            self._fail(outcome, error)
        return outcome

    def handle_message_blocking(self, delivery: Delivery) -> Outcome:
        """Decode *delivery* and process it in the calling thread, which may be held up. Raises
        nothing, either."""
        outcome = Outcome()
        try:
            message = decode(delivery)
            outcome.type = message.type
            result = self.process_message(message)
            if result is not None and inspect.isawaitable(result):
                if inspect.iscoroutine(result):
                    result.close()
                raise TypeError("process_message returned an awaitable: declare it async def")
        except BaseException as error:  # noqa: BLE001  (SystemExit too)
            self._fail(outcome, error)
        return outcome

    def _fail(self, outcome: Outcome, error: BaseException) -> None:
        outcome.error = error
        outcome.untold = self.notify_failure(error)

    def notify_failure(self, error: BaseException) -> BaseException | None:
        """Notify that a command ended with *error*; never raises, but returns what kept it from
        being notified."""
        try:
            self.notify_error(type(error), error_text(error))
        except BaseException as trouble:
            logger.exception(
                "The error of a command could not be published: %s: %s",
                type(error).__name__,
                error_text(error),
            )
            return trouble
        return None


def error_text(error: BaseException) -> str:
    """What an error output says of *error*."""
    return shorten(words_of(error), ERROR_LIMIT)


def decode(delivery: Delivery) -> Message:
    """The message that *delivery* carries; raises InvalidMessage."""
    return Message(
        decode_body(delivery.body),
        delivery.body,
        delivery.envelope,
        delivery.routing_key,
        delivery.redelivered,
        delivery.received,
        delivery.delivery_count,
    )


def _is_given_up(error: BaseException) -> bool:
    """Whether *error* is that somebody cancels the task that the handler runs in. A handler may
    raise CancelledError for itself."""
    if not isinstance(error, asyncio.CancelledError):
        return False
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
