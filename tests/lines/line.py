"""A line to the broker that can be cut, frozen, slowed and damaged, without harm to whoever else
uses the broker."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from lines.attempts import Attempts
from lines.flow import Flow, Pace, Quality, Way

if TYPE_CHECKING:
    from types import TracebackType

_BOTH: Final = tuple(Way)
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class Greeting(StrEnum):
    """What becomes of a new connection."""

    FORWARDED = "forwarded"
    RESET = "reset"
    CLOSED = "closed"
    LEFT_SILENT = "left silent"


@dataclass(eq=False, slots=True)
class _Connection:
    """One connection over a line."""

    here: asyncio.StreamWriter
    task: asyncio.Task[None]
    there: asyncio.StreamWriter | None = None
    flows: dict[Way, Flow] = field(default_factory=dict)

    @property
    def is_spoiled(self) -> bool:
        """Whether bytes of it are lost: it can never go on."""
        return any(flow.swallows for flow in self.flows.values()) or not self.flows

    def end(self, *, reset: bool) -> None:
        """End both sides at once: with a reset, or in good order."""
        for writer in (self.here, self.there):
            if writer is not None:
                _end(writer, reset=reset)


@dataclass
class Line:
    """Forwards bytes between its own port and the port of the AMQP *url*, while it is entered.

    It serves any number of connections. What is made bad of it is bad for those that are open and
    for new ones, until it is mended. What it does by chance it takes from *seed*.
    """

    url: str
    seed: int = 0
    greeting: Greeting = Greeting.FORWARDED
    attempts: Attempts = field(default_factory=Attempts)
    """When connections were tried, save those that came while it was cut."""
    _server: asyncio.Server | None = None
    _port: int = 0
    _connections: set[_Connection] = field(default_factory=set)
    _qualities: dict[Way, Quality] = field(default_factory=lambda: {way: Quality() for way in Way})
    _swallows: set[Way] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    @property
    def end(self) -> str:
        """The AMQP URL at this end of it."""
        parts = urlsplit(self.url)
        user, _, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{self._port}"))

    @property
    def open(self) -> int:
        """How many connections are open over it, of whatever use."""
        return len(self._connections)

    async def cut(self, *, reset: bool = False) -> None:
        """Close what is open, in good order or with a *reset*, and refuse what comes."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.drop(reset=reset)

    async def drop(self, *, reset: bool = False) -> None:
        """Close what is open, and take what comes."""
        await self._end(list(self._connections), reset=reset)

    async def mend(self) -> None:
        """Forward again, on the same port. What was held goes on; a connection of which bytes are
        lost is reset."""
        self.greeting = Greeting.FORWARDED
        self._swallows.clear()
        for quality in self._qualities.values():
            quality.pace, quality.drops_heartbeats = Pace(), False
            quality.flows.set()
        await self._end([each for each in self._connections if each.is_spoiled], reset=True)
        if self._server is None:
            self._server = await asyncio.start_server(
                self._accept, "127.0.0.1", self._port, backlog=1024
            )
            self._port = self._server.sockets[0].getsockname()[1]

    def freeze(self, *ways: Way) -> None:
        """Leave all open, and let nothing through on *ways*, or at all. It is not lost: once mended
        it goes on, as what TCP sends again does."""
        for way in ways or _BOTH:
            self._qualities[way].flows.clear()

    def swallow(self, *ways: Way, new: bool = True) -> None:
        """Leave all open, and lose what is sent on *ways*, or at all. With *new* so it is for what
        comes, too; without, only what is open is lost, as where a firewall forgets."""
        for connection in self._connections:
            for way in ways or _BOTH:
                if way in connection.flows:
                    connection.flows[way].swallows = True
        if new:
            self._swallows.update(ways or _BOTH)

    def slow(self, pace: Pace, *ways: Way) -> None:
        """Let *ways*, or both, be so fast only."""
        for way in ways or _BOTH:
            self._qualities[way].pace = pace

    def drop_heartbeats(self, *ways: Way) -> None:
        """Let through all but heartbeats on *ways*, or both."""
        for way in ways or _BOTH:
            self._qualities[way].drops_heartbeats = True

    def damage(self, way: Way, position: int) -> int:
        """Flip one bit at *position* of the next method that is sent on each open connection, by
        chance which; counted from the frame's end if negative. Returns of how many."""
        for connection in self._connections:
            if way in connection.flows:
                connection.flows[way].damage = (position, self._chance.randrange(8))
        return len(self._connections)

    async def __aenter__(self) -> Line:
        await self.mend()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.cut()

    async def _end(self, connections: list[_Connection], *, reset: bool) -> None:
        for connection in connections:
            connection.end(reset=reset)
            connection.task.cancel()
        await asyncio.gather(*(each.task for each in connections), return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.attempts.note()
        if self.greeting in (Greeting.RESET, Greeting.CLOSED):
            _end(writer, reset=self.greeting is Greeting.RESET)
            return
        task = asyncio.current_task()
        assert task is not None
        connection = _Connection(writer, task)
        self._connections.add(connection)
        try:
            if self.greeting is Greeting.LEFT_SILENT:
                await asyncio.Event().wait()
            await self._serve(connection, reader)
        except (OSError, asyncio.CancelledError):
            pass  # it ends: here, there, or because it is cut
        finally:
            connection.end(reset=False)
            self._connections.discard(connection)

    async def _serve(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        parts = urlsplit(self.url)
        there, connection.there = await asyncio.open_connection(parts.hostname, parts.port)
        ends = {Way.UP: (reader, connection.there), Way.DOWN: (there, connection.here)}
        for way, (source, target) in ends.items():
            chance = random.Random(self._chance.random())
            flow = Flow(source, target, self._qualities[way], chance)
            flow.swallows = way in self._swallows
            connection.flows[way] = flow
        async with asyncio.TaskGroup() as group:
            for flow in connection.flows.values():
                group.create_task(flow.run())


def _end(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    end = writer.get_extra_info("socket")
    if reset and end is not None and end.fileno() >= 0:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        writer.transport.abort()
    elif reset:
        writer.transport.abort()
    else:
        writer.close()
        writer.transport.abort()
