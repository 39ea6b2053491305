"""A simulated fleet: real services, a broker in this process, and servers that are made up; and the
dashboard that shows them."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from baton.configuration import Configuration
from baton.errors import ConfigurationError
from baton.link import Phase
from baton.listening import listening_on
from baton.server import Server
from baton.simulation import Character, Simulation
from baton_ping.extension import extension
from baton_ping_monitor.dashboard import Dashboard
from baton_ping_monitor.settings import PingSettings, Settings, WebSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baton.link import State
    from baton_ping_monitor.terminal.display import Display

_PING_EVERY: Final = 1.0
_GRACE: Final = 1.0
_LOOK: Final = 0.5
"""Seconds between two looks at the fleet."""
_PORTS: Final = 20
"""Ports that are tried, one after the other."""
_QUICK: Final = (0.004, 0.08)
_SLOW: Final = (0.55, 0.85)
_MAINTENANCE: Final = 3600.0

_WELL: Final = Character(_QUICK)
_ODD: Final = {
    "web03.example.org": Character(_QUICK, silent=10),
    "db02.example.org": Character(_SLOW),
    "mail01.example.org": Character(_QUICK, 0.5, OSError, "no space left on /var/mail"),
    "search04.example.org": Character((0.1, 0.9)),
    "cache02.example.org": Character(_QUICK, silent=2),
    "web-stage02.example.org": Character((0.2, 0.7)),
    "build01.example.org": Character(_QUICK, 0.1, TimeoutError, "the load is 96"),
    "build02.example.org": Character(_SLOW),
}
_ROLES: Final = (
    ("production", "web", 16, ("shop",)),
    ("production", "api", 8, ("shop", "orders")),
    ("production", "db", 4, ("orders",)),
    ("production", "cache", 4, ("shop",)),
    ("production", "search", 4, ("search",)),
    ("production", "mail", 2, ("mail",)),
    ("staging", "web-stage", 6, ("shop", "blog")),
    ("staging", "db-stage", 2, ("orders",)),
    ("staging", "mail-stage", 1, ("mail",)),
    ("development", "build", 4, ("ci",)),
    ("development", "dev", 9, ("shop", "orders")),
)
_PLATFORMS: Final = (("debian", "13"), ("debian", "12"), ("ubuntu", "24.04"), ("rocky", "9.4"))

NEVER_SEEN: Final = "db05.example.org"
IN_MAINTENANCE: Final = "web09.example.org"
RETIRED: Final = "dev09.example.org"


def _fleet() -> Iterator[tuple[Server, Character]]:
    number = 0
    for environment, role, count, apps in _ROLES:
        for position in range(1, count + 1):
            number += 1
            fqdn = f"{role}{position:02}.example.org"
            server = Server(fqdn, environment, apps, _facts(fqdn, number))
            yield server, _ODD.get(fqdn, _WELL)


def _facts(fqdn: str, number: int) -> dict[str, Any]:
    platform, version = _PLATFORMS[number % len(_PLATFORMS)]
    cpus = (2, 4, 8, 16)[number % 4]
    return {
        "fqdn": fqdn,
        "hostname": fqdn.partition(".")[0],
        "ipaddress": f"10.0.{number % 4}.{number}",
        "platform": platform,
        "platform_version": version,
        "machine": "aarch64" if number % 7 == 0 else "x86_64",
        "cpus": cpus,
        "memory": cpus * 4 * 1024**3,
        "disks": [{"name": "sda", "gigabytes": 40 * cpus}, {"name": "sdb", "gigabytes": 500}],
        "simulated": True,
    }


FLEET: Final = tuple(_fleet())


class Demo:
    """A simulated fleet, a dashboard of it, and what it tells on *display*. Made on an event loop.

    The pages are where *web* says, or on the next port that is free. What is collected goes with
    the process.
    """

    def __init__(self, display: Display, web: WebSettings | None = None, seed: int = 1) -> None:
        self.configuration = Configuration(
            rabbit_url=f"memory://demo-{secrets.token_hex(4)}", grace=_GRACE
        )
        self._display = display
        self._web = web or WebSettings()
        self._ready = asyncio.Event()
        self._simulation = Simulation(self.configuration, extension, FLEET, seed)
        self._simulation.watch(self._note)
        self._dashboard: Dashboard | None = None
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Start the servers, and when all of them listen, the dashboard that pings them.

        Raises ConfigurationError if no port is free.
        """
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="baton-demo-"))
        settings = Settings(
            web=replace(self._web, port=_free_port(self._web)),
            ping=PingSettings(every=_PING_EVERY, targets=environments()),
            database=f"sqlite:///{Path(folder, 'demo.db')}",
            instance="demo",
        )
        self._stack.push_async_callback(self._simulation.stop)
        await self._simulation.start()
        await self._ready.wait()
        dashboard = Dashboard(self.configuration, settings, announce=self._introduce)
        self._stack.push_async_callback(dashboard.stop)
        await dashboard.start()
        dashboard.fleet.expect({NEVER_SEEN: "production"}, time.time())
        self._dashboard = dashboard

    async def run(self, seconds: float | None = None) -> None:
        """Show the fleet for so many *seconds*, or until it is cancelled."""
        if self._dashboard is None:
            raise RuntimeError("The demo was not started")
        failed = asyncio.ensure_future(self._dashboard.failed())
        until = None if seconds is None else time.monotonic() + seconds
        try:
            while not failed.done() and (until is None or time.monotonic() < until):
                self._play(self._dashboard)
                self._show(self._dashboard)
                await asyncio.wait([failed], timeout=_LOOK)
            if failed.done():
                failed.result()
        finally:
            failed.cancel()

    async def stop(self) -> None:
        """End everything."""
        dashboard = self._dashboard
        self._display.stop(None if dashboard is None else dashboard.view())
        await self._stack.aclose()

    def _play(self, dashboard: Dashboard) -> None:
        """Do what an operator would have done, as soon as the servers are known."""
        now = time.time()
        server = dashboard.fleet.server(IN_MAINTENANCE, now)
        if server is not None and server.maintenance_until is None:
            dashboard.fleet.maintain([IN_MAINTENANCE], now + _MAINTENANCE, "the demo", now)
            dashboard.fleet.retire([RETIRED], "the demo", now)

    def _show(self, dashboard: Dashboard) -> None:
        notes = [f"Dashboard: {dashboard.url}", *filter(None, [dashboard.trouble])]
        self._display.show(dashboard.view(), notes)

    def _introduce(self, url: str) -> None:
        self._display.start(introduction(url))

    def _note(self, state: State) -> None:
        if state.phase is Phase.READY:
            self._ready.set()


def environments() -> tuple[str, ...]:
    """The environments of the simulated fleet."""
    return tuple(dict.fromkeys(server.environment for server, _ in FLEET))


def introduction(url: str) -> str:
    """What is to be seen, in a few words."""
    return (
        f"Dashboard: {url}\n"
        f"A simulated fleet: {len(FLEET)} servers in this process, no broker needed. Each is "
        "pinged every second; some are slow, some fail, some fall silent. Ctrl-C ends it."
    )


def _free_port(web: WebSettings) -> int:
    """The port of *web*, or one of those after it that nobody has."""
    for port in range(web.port, min(web.port + _PORTS, 65_536)):
        try:
            sockets = listening_on(web.host, port)
        except OSError:
            continue
        for each in sockets:
            each.close()
        return port
    raise ConfigurationError(
        f"None of the ports {web.port} to {web.port + _PORTS - 1} of {web.host} can be opened: "
        "choose another one with --port"
    )
