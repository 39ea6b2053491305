"""The outbox: outputs on their way to the broker, kept in order until it has confirmed them.

What was not confirmed when a connection was lost is sent again on the next one, in the same order
and with the same ``message_id``, by which a receiver recognises it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

from baton.errors import MessageTooLarge, OutboxFull
from baton.message import BCC_HEADER
from baton.text import shorten
from baton.transports import MAX_MESSAGE_SIZE, Publication

logger = logging.getLogger(__name__)

OVERHEAD: Final = 512
"""Bytes that an output is reckoned to cost beside its body."""


_FIRST_PAUSE: Final = 1.0
"""Seconds until what the broker has refused is sent again; twice as long each time after that."""
_LONGEST_PAUSE: Final = 30.0
_MOST_REFUSALS: Final = 6
"""Times that a requester's queue may refuse what is for it alone, half a minute in all: it is what
is left of one whose node is dead, and whoever asked has gone with it."""


@dataclass(slots=True, eq=False)
class Output:
    """A publication that is not confirmed yet. The *headers* of its envelope may change until it is
    first sent.

    *instead* makes the body to send in its place if the broker finds it too large; *refusals* is
    how often the broker has refused it.
    """

    publication: Publication
    headers: dict[str, Any]
    confirmed: Callable[[], None] | None = None
    instead: Callable[[MessageTooLarge], bytes] | None = None
    sent: bool = False
    refusals: int = 0

    @property
    def is_hopeless(self) -> bool:
        """Whether it is for one requester alone, whose queue has refused it for long."""
        return bool(self.publication.routing_key) and self.refusals >= _MOST_REFUSALS

    def apart(self, numbers: Iterator[int]) -> list[Output]:
        """It by itself, or what goes to the monitors and what goes to the requester, if one message
        was for both: under fresh *numbers*. Both together are confirmed when each of them is."""
        headers = dict(self.headers)
        keys = headers.pop(BCC_HEADER, [])
        confirmed = self.confirmed
        if keys and confirmed is not None:
            confirmed = _last_of(1 + len(keys), confirmed)
        message = replace(
            self.publication, envelope=replace(self.publication.envelope, headers=headers)
        )
        return [
            replace(
                self,
                publication=replace(message, number=next(numbers), routing_key=key),
                headers=headers,
                confirmed=confirmed,
            )
            for key in (message.routing_key, *keys)
        ]


class Outbox:
    """Holds at most *messages* outputs and *size* bytes of them.

    :meth:`reserve` may be called from any thread; everything else on the event loop. Above half
    of either bound :attr:`open` is false, and no new command should be started.
    """

    def __init__(self, messages: int, size: int) -> None:
        self._messages = messages
        self._size = size
        self._count = 0
        self._bytes = 0
        self._lock = threading.RLock()
        self._room = threading.Condition(self._lock)
        self._closed = False
        self.numbers = count(1)
        """For what is published through it: each is taken once."""
        self._outputs: dict[int, Output] = {}
        self._unsent: list[Output] = []
        self._opened: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return self._count

    @property
    def open(self) -> bool:
        """Whether there is room for a new command's outputs."""
        return self._count * 2 < self._messages and self._bytes * 2 < self._size

    def on_open(self, callback: Callable[[], None]) -> None:
        """Have *callback* called, on the loop, each time that :attr:`open` becomes true."""
        self._opened = callback

    def reserve(self, size: int, *, wait: bool) -> None:
        """Claim room for an output with a body of *size* bytes, before it is made.

        With *wait*, which is for worker threads, this blocks while the outbox is not open.
        Raises OutboxFull without *wait* when the bound is reached, or when the outbox closes;
        MessageTooLarge for a body that the broker would refuse.
        """
        if size > MAX_MESSAGE_SIZE:
            raise MessageTooLarge(size, MAX_MESSAGE_SIZE)
        with self._lock:
            if wait and not self.open:
                self._room.wait_for(lambda: self.open or self._closed)
            if self._closed:
                raise OutboxFull("The service is stopping, outputs are not taken any more")
            total = self._bytes + size + OVERHEAD
            if self._count >= self._messages or (self._count and total > self._size):
                raise OutboxFull(
                    f"{self._count:,} outputs ({self._bytes:,} bytes) wait for the broker, "
                    f"{self._messages:,} ({self._size:,} bytes) may"
                )
            self._count += 1
            self._bytes = total

    def reserve_beyond(self, size: int) -> None:
        """Claim room even where there is none: for what must not be refused, and is small."""
        with self._lock:
            self._count += 1
            self._bytes += size + OVERHEAD

    def add(self, output: Output) -> None:
        """Take *output*, whose room was reserved."""
        self._outputs[output.publication.number] = output
        self._unsent.append(output)

    def take(self) -> list[Publication]:
        """What is to be sent now, in order."""
        outputs, self._unsent = self._unsent, []
        for output in outputs:
            output.sent = True
        return [output.publication for output in outputs]

    def rewind(self) -> None:
        """All that is not confirmed is to be sent again: its channel is lost."""
        self._unsent = list(self._outputs.values())

    def refuse(self, numbers: Sequence[int]) -> float:
        """The broker refused these, since a queue that they go to cannot take them: after so many
        seconds they are to be sent :meth:`again`. What is hopeless is given up."""
        refused = [self._outputs[number] for number in numbers if number in self._outputs]
        for output in refused:
            output.refusals += 1
        hopeless = [output.publication.number for output in refused if output.is_hopeless]
        if hopeless:
            logger.warning(
                "Gave up %d outputs to requesters, whose queues take nothing", len(hopeless)
            )
            self.confirm(hopeless)
        fewest = min((output.refusals for output in refused), default=1)
        return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(fewest - 1, 10))

    def again(self, numbers: Sequence[int]) -> None:
        """The broker refused these: they are to be sent again, after all others. What goes to
        monitors does so by itself from then on: no requester's queue is to keep it from them."""
        for number in numbers:
            output = self._outputs.pop(number, None)
            if output is not None:
                first, *others = output.apart(self.numbers)
                self.add(first)
                for each in others:
                    self.reserve_beyond(len(each.publication.body))
                    self.add(each)

    def confirm(self, numbers: Sequence[int]) -> None:
        """The broker has these."""
        self._release([self._outputs.pop(n) for n in numbers if n in self._outputs])

    def shrink(self, limit: int) -> None:
        """Replace the outputs longer than *limit* bytes, which the broker would refuse for ever, by
        what is to be said instead; give up those that are still too long."""
        outputs = self._outputs.values()
        large = [output for output in outputs if len(output.publication.body) > limit]
        given_up, saved = [], 0
        for output in large:
            body = output.publication.body
            size, began = len(body), body[:400].decode("ascii", "replace")
            logger.error(
                "The broker does not take an output of %s bytes, at most %s: %s",
                f"{size:,}",
                f"{limit:,}",
                shorten(began),
            )
            if output.instead is not None:
                body = output.instead(MessageTooLarge(size, limit))
            if len(body) > limit:
                del self._outputs[output.publication.number]
                given_up.append(output)
            else:
                saved += size - len(body)
                output.publication = replace(output.publication, body=body)
        self._release(given_up, saved)

    def close(self) -> None:
        """Take no more, and let go of the threads that wait for room."""
        with self._lock:
            self._closed = True
            self._room.notify_all()

    def _release(self, outputs: Sequence[Output], saved: int = 0) -> None:
        if not outputs and not saved:
            return
        size = saved + sum([len(output.publication.body) + OVERHEAD for output in outputs])
        with self._lock:
            # In here: a worker thread may claim, and then wait, in between.
            was_open = self.open
            self._count -= len(outputs)
            self._bytes -= size
            is_open = self.open
            if is_open and not was_open:
                self._room.notify_all()
        for output in outputs:
            if output.confirmed is not None:
                output.confirmed()
        if is_open and not was_open:
            self._opened()


def _last_of(count: int, callback: Callable[[], None]) -> Callable[[], None]:
    """What is to be called *count* times, of which the last one calls *callback*."""
    left = count

    def called() -> None:
        nonlocal left
        left -= 1
        if not left:
            callback()

    return called
