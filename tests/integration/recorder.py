"""A transport's listener that remembers what it was told, and can be waited on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from baton.errors import BatonError, BrokerError
from baton.transports import Delivery, TransportListener


class Recorder(TransportListener):
    """Everything that a transport said, in lists."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.confirmed_numbers: list[int] = []
        self.refused_numbers: list[int] = []
        self.returned_numbers: list[int] = []
        self.cancelled_queues: list[str] = []
        self.channel_errors: list[BatonError] = []
        self.losses: list[BrokerError] = []
        self.is_blocked = False
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[[], object], timeout: float = 30) -> None:
        """Wait until *condition* holds; fails after *timeout* seconds."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        self.deliveries += deliveries
        self._changed.set()

    def confirmed(self, numbers: Sequence[int]) -> None:
        self.confirmed_numbers += numbers
        self._changed.set()

    def refused(self, numbers: Sequence[int]) -> None:
        self.refused_numbers += numbers
        self._changed.set()

    def returned(self, number: int) -> None:
        self.returned_numbers.append(number)
        self._changed.set()

    def cancelled(self, queue: str) -> None:
        self.cancelled_queues.append(queue)
        self._changed.set()

    def channel_lost(self, error: BatonError) -> None:
        self.channel_errors.append(error)
        self._changed.set()

    def blocked(self, reason: str) -> None:
        self.is_blocked = True
        self._changed.set()

    def unblocked(self) -> None:
        self.is_blocked = False
        self._changed.set()

    def lost(self, error: BrokerError) -> None:
        self.losses.append(error)
        self._changed.set()
