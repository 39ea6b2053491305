"""Splay: a server waits a random time before it begins, so that a fleet does not begin at once.

What waits is held here, by the event loop, with one timer for all.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import random
from collections.abc import Callable
from itertools import count
from typing import Final, Generic, TypeVar

from baton.errors import InvalidMessage, TooManyHeld
from baton.text import shorten

Item = TypeVar("Item")

LONGEST_SPLAY: Final = 3600.0
"""Seconds."""
MOST_HELD: Final = 1024
MOST_BYTES_HELD: Final = 64 * 1024 * 1024

_RULE: Final = f"0 to {LONGEST_SPLAY:,.0f} s are allowed"


def to_milliseconds(splay: object) -> int:
    """*splay*, in seconds, as it is on the wire. Raises InvalidMessage for what is none."""
    number = None if isinstance(splay, bool) else splay
    if isinstance(number, int | float) and 0 <= number <= LONGEST_SPLAY:
        return math.ceil(number * 1000)
    try:
        shown = shorten(repr(splay))
    except ValueError:  # of more digits than Python turns into text
        shown = "so many"
    raise InvalidMessage(f"A splay cannot be {shown} s: {_RULE}")


def draw(milliseconds: object) -> float:
    """How long to wait, in seconds, for a splay as it came from the wire; None is none.

    Raises InvalidMessage.
    """
    if milliseconds is None:
        return 0.0
    number = None if isinstance(milliseconds, bool) else milliseconds
    if isinstance(number, int) and 0 <= number <= LONGEST_SPLAY * 1000:
        return random.uniform(0, number / 1000)
    raise InvalidMessage(f"A splay on the wire is a whole number of milliseconds: {_RULE}")


class Held(Generic[Item]):
    """Holds what is to be done later, and hands it to *release*, in order, when it is due.

    At most *most* items, and *size* bytes of them unless one alone has more. Everything happens
    on the event loop.
    """

    def __init__(
        self,
        release: Callable[[list[Item]], None],
        most: int = MOST_HELD,
        size: int = MOST_BYTES_HELD,
    ) -> None:
        self._release = release
        self._most = most
        self._size = size
        self._bytes = 0
        self._heap: list[tuple[float, int, Item, int]] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._heap)

    def hold(self, item: Item, delay: float, size: int) -> None:
        """Hand over *item*, of *size* bytes, after *delay* seconds. Raises TooManyHeld."""
        if len(self._heap) >= self._most or (self._heap and self._bytes + size > self._size):
            raise TooManyHeld(
                f"{len(self._heap):,} commands ({self._bytes:,} bytes) wait for their splay, "
                f"{self._most:,} ({self._size:,} bytes) may"
            )
        due = asyncio.get_running_loop().time() + delay
        heapq.heappush(self._heap, (due, next(self._numbers), item, size))
        self._bytes += size
        self._set_timer()

    def take_all(self) -> list[Item]:
        """What is held, in the order in which it is due; from now on nothing is."""
        items = [item for _, _, item, _ in sorted(self._heap, key=lambda entry: entry[:2])]
        self._heap.clear()
        self._bytes = 0
        self._set_timer()
        return items

    def _set_timer(self) -> None:
        if self._timer is not None:
            if self._heap and self._timer.when() == self._heap[0][0]:
                return
            self._timer.cancel()
            self._timer = None
        if self._heap:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._heap[0][0], self._on_time)

    def _on_time(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        due: list[Item] = []
        now = loop.time()
        while self._heap and (not due or self._heap[0][0] <= now):
            _, _, item, size = heapq.heappop(self._heap)
            self._bytes -= size
            due.append(item)
        self._set_timer()
        if due:
            self._release(due)
