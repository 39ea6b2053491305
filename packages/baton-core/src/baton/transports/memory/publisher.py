"""The publisher to a broker in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from baton.errors import BrokerUnavailable, MessageTooLarge, NotFound, Unroutable
from baton.transports.base import Publication, Publisher
from baton.transports.refusals import not_stored

if TYPE_CHECKING:
    from baton.transports.memory.broker import MemoryBroker


class MemoryPublisher(Publisher):
    """Publishes to a :class:`MemoryBroker`, in the caller's thread."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._closed = False

    def publish(
        self, publications: Sequence[Publication], timeout: float
    ) -> list[Exception | None]:
        return [self._outcome(publication) for publication in publications]

    def close(self) -> None:
        self._closed = True

    def _outcome(self, publication: Publication) -> Exception | None:
        if self._closed:
            return BrokerUnavailable("The publisher is closed")
        if self._broker.down is not None:
            return BrokerUnavailable(f"No broker could be reached: memory ({self._broker.down})")
        if self._broker.blocked:
            return BrokerUnavailable("memory is blocked (resource alarm)")
        keys = [publication.routing_key]
        try:
            taken = self._broker.publish(publication)
        except NotFound:
            return Unroutable(keys, publication.exchange, missing=True)
        except MessageTooLarge as error:
            return error
        if publication.mandatory and not taken:
            return Unroutable(keys, publication.exchange)
        return None if all(taken) else not_stored()
