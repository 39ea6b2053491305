"""A simulated fleet: real services, a broker in this process, and servers that are made up."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Final

from baton.configuration import Configuration
from baton.link import Phase
from baton.server import Server
from baton.simulation import Character, Simulation
from baton_ping.extension import extension
from baton_ping_monitor.watch import Watch

if TYPE_CHECKING:
    from baton.channel import Abandoned
    from baton.link import State
    from baton_ping_monitor.terminal.display import Display

_PING_EVERY: Final = 1.0
_GRACE: Final = 1.0
_QUICK: Final = (0.004, 0.08)
_SLOW: Final = (0.55, 0.85)

_WELL: Final = Character(_QUICK)
FLEET: Final = (
    (Server("web01.example.org", "production", ("shop",)), _WELL),
    (Server("web02.example.org", "production", ("shop",)), _WELL),
    (Server("web03.example.org", "production", ("shop", "blog")), Character(_QUICK, silent=10)),
    (Server("db01.example.org", "production", ("orders",)), _WELL),
    (Server("db02.example.org", "production", ("orders",)), Character(_SLOW)),
    (
        Server("mail01.example.org", "production", ("mail",)),
        Character(_QUICK, 0.5, OSError, "no space left on /var/mail"),
    ),
    (Server("web11.example.org", "staging", ("shop", "blog")), _WELL),
    (Server("db11.example.org", "staging", ("orders",)), Character((0.2, 0.7))),
    (Server("mail11.example.org", "staging", ("mail",)), _WELL),
    (
        Server("build01.example.org", "development", ("ci",)),
        Character(_QUICK, 0.1, TimeoutError, "the load is 96"),
    ),
    (Server("build02.example.org", "development", ("ci",)), Character(_SLOW)),
    (Server("dev01.example.org", "development", ("shop", "orders")), _WELL),
)


class Demo:
    """A simulated fleet, and a watch on it. Made on an event loop."""

    def __init__(self, display: Display, seed: int = 1) -> None:
        self.configuration = Configuration(
            rabbit_url=f"memory://demo-{secrets.token_hex(4)}", grace=_GRACE
        )
        self._ready = asyncio.Event()
        self._simulation = Simulation(self.configuration, extension, FLEET, seed)
        self._simulation.watch(self._note)
        self._watch = Watch(
            self.configuration,
            display,
            targets=environments(),
            ping_every=_PING_EVERY,
            introduction=introduction(),
        )

    async def start(self) -> None:
        """Start the servers, and when all of them listen, the watch that pings them."""
        await self._simulation.start()
        await self._ready.wait()
        await self._watch.start()

    async def run(self, seconds: float | None = None) -> None:
        """Show the fleet for so many *seconds*, or until it is cancelled."""
        await self._watch.run(seconds)

    async def stop(self) -> Abandoned:
        """End everything; returns what had to be abandoned."""
        await self._watch.stop()
        return await self._simulation.stop()

    def _note(self, state: State) -> None:
        if state.phase is Phase.READY:
            self._ready.set()


def environments() -> list[str]:
    """The environments of the simulated fleet."""
    return list(dict.fromkeys(server.environment for server, _ in FLEET))


def introduction() -> str:
    """What is to be seen, in a few words."""
    return (
        f"A simulated fleet: {len(FLEET)} servers in this process, no broker needed. Each is "
        "pinged every second; some are slow, some fail, some fall silent. Ctrl-C ends it."
    )
