"""Dashboards as processes of their own, and the fleets that they see."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from brokers.ports import free_ports
from brokers.waiting import wait_until
from integration.running import Process, command, process

if TYPE_CHECKING:
    from pathlib import Path

READY: Final = 30.0
END: Final = 10.0
OPERATOR: Final = ("alice", "correct horse")
VIEWER: Final = ("bob", "battery staple")


@dataclass
class Dashboard:
    """A ``baton-ping-monitor`` whose pages are at ``url``. It can be killed and started again, on
    the same port and with the same database."""

    amqp_url: str
    folder: Path
    options: tuple[str, ...] = ()
    prefix: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=lambda: free_ports(1)[0])
    _stack: ExitStack = field(default_factory=ExitStack)
    _process: Process | None = None

    @property
    def url(self) -> str:
        """Where its first page is, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    @property
    def lines(self) -> list[str]:
        """What it logged."""
        return [] if self._process is None else self._process.lines

    def start(self) -> None:
        """Start it, and return when it is ready: it consumes, and what it sees is kept."""
        self._process = self._stack.enter_context(
            process(
                *("--url", self.amqp_url, "--port", str(self.port), "--prefix", self.prefix),
                *("--database", f"sqlite:///{self.folder / 'dashboard.db'}"),
                *("--instance", "test", *self.options),
                program="baton-ping-monitor",
                **self.environment,
            )
        )
        self._process.wait_for(self.url, READY)
        assert wait_until(self.is_ready, READY), self.lines

    def kill(self) -> None:
        """End it at once, as a loss of power does."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """End it in good order."""
        code = self._signal(signal.SIGTERM)
        assert code == 0, self.lines
        text = "\n".join(self.lines)
        assert "Traceback" not in text, text

    def is_ready(self) -> bool:
        """What it says itself."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def knows(self, servers: int) -> bool:
        """Whether it has seen that many that are up. Until then a server has no page."""
        with urllib.request.urlopen(f"{self.url}/api/fleet", timeout=5) as answer:
            counts = json.load(answer)["counts"]
        return bool(counts.get("up") == servers)

    def _signal(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.signal(number)
        code = self._process.wait(END)
        self._stack.close()
        return code


@asynccontextmanager
async def dashboard(
    amqp_url: str, folder: Path, *options: str, prefix: str = "", **environment: str
) -> AsyncIterator[Dashboard]:
    """One that is ready; it ends with the block."""
    it = Dashboard(amqp_url, folder, options, prefix, environment)
    with it._stack:
        await asyncio.to_thread(it.start)
        yield it
        await asyncio.to_thread(it.stop)


@dataclass
class Monitors:
    """Starts dashboards on a virtual host; they end with the test, after the windows that look at
    them."""

    amqp_url: str
    folder: Path
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def run(self, *options: str, amqp_url: str | None = None, prefix: str = "") -> Dashboard:
        """One that is ready, pings twice a second, and keeps what it sees in the folder."""
        options = ("--ping-every", "0.5", *options)
        made = dashboard(amqp_url or self.amqp_url, self.folder, *options, prefix=prefix)
        return await self.stack.enter_async_context(made)


@asynccontextmanager
async def simulated(amqp_url: str, number: int, *options: str) -> AsyncIterator[Process]:
    """A fleet of that many servers that are made up, and answer."""
    arguments = ("run", "ping", "--url", amqp_url, "--simulate", str(number), *options)
    with process(*arguments, program="baton") as fleet:
        await asyncio.to_thread(fleet.wait_for, "ready since")
        yield fleet


@asynccontextmanager
async def server(
    amqp_url: str, fqdn: str, environment: str = "production"
) -> AsyncIterator[Process]:
    """A server as a process of its own."""
    name = {"BATON_FQDN": fqdn, "BATON_ENVIRONMENT": environment}
    with process("--url", amqp_url, **name) as service:
        await asyncio.to_thread(service.wait_for, "is ready")
        yield service


def user_line(name: str, password: str, role: str) -> str:
    """A line of a users file, as the executable makes it."""
    ended = command(
        *("--hash-password", "--user", name, "--role", role),
        program="baton-ping-monitor",
        given=f"{password}\n",
    )
    assert ended.code == 0, ended.err
    return ended.out
