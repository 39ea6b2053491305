"""A simulated fleet: real services, a broker in this process, and servers that are made up."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baton.configuration import Configuration
from baton.link import Phase
from baton.server import Server
from baton_ping.consumer import PingConsumer
from baton_ping.service import PingService
from baton_ping_monitor.watch import Watch

if TYPE_CHECKING:
    from baton.channel import Abandoned
    from baton.link import State
    from baton.message import Message
    from baton_ping_monitor.display import Display

_PING_EVERY: Final = 1.0
_GRACE: Final = 1.0
_QUICK: Final = (0.004, 0.08)
_SLOW: Final = (0.55, 0.85)
_ROUND: Final = 24
_SILENT_FROM: Final = 2


@dataclass(frozen=True, slots=True)
class Character:
    """How a simulated server behaves.

    It takes a time between the two of ``pause``, in seconds, to answer; it fails at the rate of
    ``failures``, with ``error`` and ``complaint``; it says nothing to ``silent`` pings of each
    24, from the third on.
    """

    pause: tuple[float, float] = _QUICK
    failures: float = 0.0
    error: type[Exception] = OSError
    complaint: str = ""
    silent: int = 0


_WELL: Final = Character()
FLEET: Final = (
    (Server("web01.example.org", "production", ("shop",)), _WELL),
    (Server("web02.example.org", "production", ("shop",)), _WELL),
    (Server("web03.example.org", "production", ("shop", "blog")), Character(silent=10)),
    (Server("db01.example.org", "production", ("orders",)), _WELL),
    (Server("db02.example.org", "production", ("orders",)), Character(_SLOW)),
    (
        Server("mail01.example.org", "production", ("mail",)),
        Character(failures=0.5, complaint="no space left on /var/mail"),
    ),
    (Server("web11.example.org", "staging", ("shop", "blog")), _WELL),
    (Server("db11.example.org", "staging", ("orders",)), Character((0.2, 0.7))),
    (Server("mail11.example.org", "staging", ("mail",)), _WELL),
    (
        Server("build01.example.org", "development", ("ci",)),
        Character(failures=0.1, error=TimeoutError, complaint="the load is 96"),
    ),
    (Server("build02.example.org", "development", ("ci",)), Character(_SLOW)),
    (Server("dev01.example.org", "development", ("shop", "orders")), _WELL),
)


class SimulatedConsumer(PingConsumer):
    """Answers pings as its character is. The same seed gives the same answers."""

    def __init__(self, server: Server, character: Character, seed: int) -> None:
        super().__init__(server.fqdn, server)
        self._character = character
        self._random = random.Random(f"{seed} {server.fqdn}")
        self._pings = 0
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """Answer what is to be answered at once: the fleet is stopping."""
        self._hurry.set()

    async def process_message(self, message: Message) -> None:
        """Answer late, with an error, or not at all, as the character has it."""
        character = self._character
        turn, self._pings = self._pings % _ROUND, self._pings + 1
        pause = self._random.uniform(*character.pause)
        fails = self._random.random() < character.failures
        if _SILENT_FROM <= turn < _SILENT_FROM + character.silent:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._hurry.wait()
        if fails:
            raise character.error(character.complaint)
        await super().process_message(message)


class SimulatedService(PingService):
    """A ping service on a server that does not exist."""

    def __init__(
        self, configuration: Configuration, server: Server, character: Character, seed: int
    ) -> None:
        super().__init__(configuration, server)
        self._consumer = SimulatedConsumer(server, character, seed)
        self.ready = asyncio.Event()

    def setup_consumers(self) -> None:
        """The consumer that was made with the service."""
        self.add_consumer(self._consumer)

    async def start(self) -> None:
        """Begin to connect; :attr:`ready` tells when it is."""
        await super().start()
        self.watch(self._note)

    async def stop(self, grace: float | None = None) -> Abandoned:
        """Answer what is under way at once, and end."""
        self._consumer.hurry()
        return await super().stop(grace)

    def _note(self, state: State) -> None:
        if state.phase is Phase.READY:
            self.ready.set()


class Demo:
    """A simulated fleet, and a watch on it. Made on an event loop."""

    def __init__(self, display: Display, seed: int = 1) -> None:
        self.configuration = Configuration(
            rabbit_url=f"memory://demo-{secrets.token_hex(4)}", grace=_GRACE
        )
        self._services = [
            SimulatedService(self.configuration, server, character, seed)
            for server, character in FLEET
        ]
        self._watch = Watch(
            self.configuration,
            display,
            targets=environments(),
            ping_every=_PING_EVERY,
            introduction=introduction(),
        )

    async def start(self) -> None:
        """Start the servers, and when all of them listen, the watch that pings them."""
        for service in self._services:
            await service.start()
        await asyncio.gather(*(service.ready.wait() for service in self._services))
        await self._watch.start()

    async def run(self, seconds: float | None = None) -> None:
        """Show the fleet for so many *seconds*, or until it is cancelled."""
        await self._watch.run(seconds)

    async def stop(self) -> Sequence[Abandoned]:
        """End everything; returns what had to be abandoned."""
        await self._watch.stop()
        ends = await asyncio.gather(*(service.stop() for service in self._services))
        return [abandoned for abandoned in ends if abandoned]


def environments() -> list[str]:
    """The environments of the simulated fleet."""
    return list(dict.fromkeys(server.environment for server, _ in FLEET))


def introduction() -> str:
    """What is to be seen, in a few words."""
    return (
        f"A simulated fleet: {len(FLEET)} servers in this process, no broker needed. Each is "
        "pinged every second; some are slow, some fail, some fall silent. Ctrl-C ends it."
    )
