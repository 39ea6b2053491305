"""What became of the publications of a data channel.

The broker numbers what is published on a channel in confirm mode, from 1, and answers by these
numbers, also for several at once. A message that it returns comes without one.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baton.transports.base import Publication

Address = tuple[str, str, str | None]
"""By what a returned message is recognised: exchange, routing key, message id."""


class Confirms:
    """The publications that the broker has not answered yet, by its numbers and by ours."""

    def __init__(self) -> None:
        self._next = 1
        self._lowest = 1
        self._open: dict[int, int] = {}
        self._addresses: dict[int, Address] = {}
        self._mandatory: dict[Address, deque[int]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def sent(self, publication: Publication) -> None:
        """*publication* is the next one that was sent."""
        tag = self._next
        self._next += 1
        self._open[tag] = publication.number
        if publication.mandatory:
            address = _address(
                publication.exchange, publication.routing_key, publication.envelope.message_id
            )
            self._addresses[tag] = address
            self._mandatory.setdefault(address, deque()).append(tag)

    def settled(self, tag: int, multiple: bool) -> list[int]:
        """Our numbers of those that the broker answered; none if it never was sent so many."""
        if not multiple:
            number = self._take(tag)
            return [] if number is None else [number]
        # 0 means all. What was answered one by one is passed over.
        end = self._next if tag == 0 else min(tag + 1, self._next)
        if self._addresses:
            numbers = [self._take(each) for each in range(self._lowest, end)]
        else:
            numbers = [self._open.pop(each, None) for each in range(self._lowest, end)]
        self._lowest = max(self._lowest, end)
        return [number for number in numbers if number is not None]

    def returned(self, exchange: str, routing_key: str, message_id: str | None) -> int | None:
        """Our number of a mandatory publication that came back; it is answered afterwards, too.

        A broker returns messages in the order in which they were published, each before it answers
        it. So of those that cannot be told apart it is the first that has not come back yet. None
        if there is no such publication.
        """
        waiting = self._mandatory.get(_address(exchange, routing_key, message_id))
        if not waiting:
            return None
        tag = waiting.popleft()
        return self._open[tag]

    def _take(self, tag: int) -> int | None:
        number = self._open.pop(tag, None)
        if self._addresses:
            address = self._addresses.pop(tag, None)
            if address is not None:
                self._forget(address, tag)
        return number

    def _forget(self, address: Address, tag: int) -> None:
        waiting = self._mandatory.get(address)
        if waiting is None:
            return
        if tag in waiting:
            waiting.remove(tag)
        if not waiting:
            del self._mandatory[address]


def _address(exchange: str, routing_key: str, message_id: str | None) -> Address:
    # An empty string and none at all are the same on the wire.
    return exchange, routing_key, message_id or None
