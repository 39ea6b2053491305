"""The dashboard in this process, and a browser that says whatever it likes to it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

from baton.configuration import Configuration
from baton.transports.memory import forget_memory_broker
from baton_ping_monitor.alerts.alerter import Alerter
from baton_ping_monitor.clock import Clock
from baton_ping_monitor.collector.pings import PingRuns
from baton_ping_monitor.fleet.live import LiveFleet
from baton_ping_monitor.fleet.state import FleetState
from baton_ping_monitor.observation import Observation
from baton_ping_monitor.services import Services
from baton_ping_monitor.settings import Retention, Settings, WebSettings
from baton_ping_monitor.store.records import Batch
from baton_ping_monitor.store.store import Store
from baton_ping_monitor.updates import Updates
from baton_ping_monitor.web.app import make_app
from baton_ping_monitor.web.passwords import hash_password, new_token

PASSWORD = "wonderland"
CHEAP = (2**10, 8, 1)
"""A cost of scrypt that tests can afford."""
PATIENCE = 20.0
"""Seconds after which nothing comes any more."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the monitor itself is."""

    is_ready: bool = True
    reason: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a web server hands it over: *target* and the headers in bytes."""

    method: str = "GET"
    target: str = "/"
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""


@dataclass(slots=True)
class Answer:
    """What was answered; of a stream the first part."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Site:
    """An application with a store in *folder*. With *users*, one has to log in: alice may do all,
    victor only look, and ``token`` is one for programs."""

    def __init__(self, folder: Path, *, users: bool = False) -> None:
        self._stack = AsyncExitStack()
        self.token, hashed = new_token()
        web: dict[str, Any] = {}
        if users:
            web["users_file"] = folder / "users"
            web["users_file"].touch(mode=0o600)
            kept = hash_password(PASSWORD, CHEAP)
            web["users_file"].write_text(
                f"alice:operator:{kept}\nvictor:viewer:{kept}\nci:operator:{hashed}\n"
            )
        clock = Clock()
        self._broker = secrets.token_hex(8)
        self.state = FleetState(pings_by_itself=True)
        self.store = Store.open(f"sqlite:///{folder}/dashboard.db", Retention(), clock)
        pings = PingRuns(
            Configuration(rabbit_url=f"memory://{self._broker}"),
            self.state,
            self.store.write_run,
            clock,
        )
        self._pings = pings
        self.services = Services(
            settings=Settings(web=WebSettings(**web)),
            fleet=LiveFleet(self.state, clock, lambda: None),
            history=self.store,
            pings=pings,
            alerts=Alerter([], clock),
            updates=Updates(),
            clock=clock,
            health=Health(),
            sessions=self.store,
        )
        self.app = make_app(self.services)

    async def close(self) -> None:
        """End what it began."""
        await self._pings.stop()
        self.store.close()
        forget_memory_broker(self._broker)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def hear(self, *observations: Observation) -> None:
        """Outputs arrive: the fleet knows them, and they are kept."""
        seen = tuple(map(self.state.observe, observations))
        changes = self.state.take_changes()
        self.store.write(
            Batch(seen, tuple(changes.missed), tuple(changes.servers), tuple(changes.transitions))
        )
        self.services.updates.notify()

    async def get(self, target: str) -> Answer:
        """Ask for a page, as this machine's browsers do."""
        return await self.ask(Request(target=target, headers=[(b"host", b"localhost")]))

    async def ask(self, request: Request) -> Answer:
        """Make *request*, and take the answer; a stream is left after its first part."""
        path, _, query = request.target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8470),
            "client": ("127.0.0.1", 50_000),
            "scheme": "http",
            "root_path": "",
            "method": request.method,
            "path": unquote(path),  # as uvicorn does it
            "raw_path": path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": list(request.headers),
            "state": {},
        }
        answer = Answer()
        came = asyncio.Event()
        parts = [{"type": "http.request", "body": request.body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if parts:
                return parts.pop()
            await came.wait()
            return {"type": "http.disconnect"}

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                assert answer.status == 0
                answer.status = message["status"]
                answer.headers = {
                    name.decode("ascii"): value.decode("latin-1")
                    for name, value in message["headers"]
                }
            else:
                answer.body += message.get("body", b"")
                came.set()

        async with asyncio.timeout(PATIENCE):
            await self.app(scope, receive, send)
        return answer
