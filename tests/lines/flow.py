"""One direction of one connection over a line: what is read is written, unless the line is bad."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from lines.frames import Frames, damaged, is_heartbeat

_CHUNK: Final = 65_536
_UNDER_WAY: Final = 256 * 1024
"""Bytes that are on their way at most. When so many are, nothing more is read, and whoever sends
them has to wait, as with a network that is full."""

_GRAIN: Final = 0.05
"""Seconds of its rate that a slow line sends at once."""


class Way(StrEnum):
    """A direction."""

    UP = "from the client to the broker"
    DOWN = "from the broker to the client"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a line is: *rate* in bytes a second (0 is without limit), *latency* and *jitter* in
    seconds, and *piece*, of how many bytes a write is at most (0 leaves them whole; where it is
    more than one, the size is random)."""

    rate: float = 0.0
    latency: float = 0.0
    jitter: float = 0.0
    piece: int = 0


@dataclass
class Quality:
    """How one direction of a line is, for all connections over it."""

    flows: asyncio.Event = field(default_factory=asyncio.Event)
    pace: Pace = field(default_factory=Pace)
    drops_heartbeats: bool = False


class Flow:
    """Forwards from *reader* to *writer*.

    ``swallows``: what it reads is gone. ``damage``: position and bit that are flipped in the next
    frame that carries a method, if there is to be one. Nothing lets on what has happened to it:
    a flow that swallows also swallows the end.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        quality: Quality,
        chance: random.Random,
    ) -> None:
        self.swallows = False
        self.damage: tuple[int, int] | None = None
        self._reader = reader
        self._writer = writer
        self._quality = quality
        self._chance = chance
        self._frames = Frames()
        self._queue: deque[tuple[float, bytes]] = deque()
        self._under_way = 0
        self._changed = asyncio.Event()
        self._ended = False
        self._due = 0.0
        self._free = 0.0

    async def run(self) -> None:
        """Forward until either side has ended, and end the other."""
        filling = asyncio.create_task(self._fill())
        try:
            with suppress(ConnectionError):  # the other flow hears of it, too, and ends this side
                await self._drain()
        finally:
            filling.cancel()
        if self.swallows:
            await asyncio.Event().wait()
        self._writer.close()

    async def _fill(self) -> None:
        with suppress(ConnectionError):
            while data := await self._reader.read(_CHUNK):
                for frame in self._frames.feed(data):
                    self._put(frame)
                while self._under_way > _UNDER_WAY:
                    self._changed.clear()
                    await self._changed.wait()
        self._put(self._frames.end())
        self._ended = True
        self._changed.set()

    def _put(self, frame: bytes) -> None:
        if self.swallows or not frame:
            return
        if self._frames.is_amqp and is_heartbeat(frame):
            if self._quality.drops_heartbeats:
                return
        elif self.damage is not None and frame[:1] == b"\x01":
            frame, self.damage = damaged(frame, *self.damage), None
        pace = self._quality.pace
        due = asyncio.get_running_loop().time() + pace.latency
        due += self._chance.uniform(0, pace.jitter)
        self._due = max(self._due, due)  # none overtakes another
        self._queue.append((self._due, frame))
        self._under_way += len(frame)
        self._changed.set()

    async def _drain(self) -> None:
        while True:
            while self._queue:
                due, data = self._queue.popleft()
                await self._until(due)
                await self._send(data)
                self._under_way -= len(data)
                self._changed.set()
            if self._ended:
                await self._quality.flows.wait()
                return
            self._changed.clear()
            await self._changed.wait()

    async def _send(self, data: bytes) -> None:
        pace = self._quality.pace
        for piece in self._pieces(data, pace):
            if pace.rate:
                now = asyncio.get_running_loop().time()
                self._free = max(self._free, now) + len(piece) / pace.rate
                await self._until(self._free)
            await self._quality.flows.wait()
            if self.swallows:
                return
            self._writer.write(piece)
            await self._writer.drain()
            if pace.piece:
                await asyncio.sleep(0)

    def _pieces(self, data: bytes, pace: Pace) -> list[bytes]:
        longest = pace.piece or len(data)
        if pace.rate:
            longest = min(longest, max(1, int(pace.rate * _GRAIN)))
        pieces = []
        while data:
            size = self._chance.randint(1, longest) if pace.piece else longest
            pieces.append(data[:size])
            data = data[size:]
        return pieces

    async def _until(self, time: float) -> None:
        left = time - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.sleep(left)
