"""The web application over a real fleet and a real store, asked in process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from baton import Configuration
from baton_ping_monitor.alerts.alerter import Alerter
from baton_ping_monitor.clock import Clock
from baton_ping_monitor.collector.pings import PingRuns
from baton_ping_monitor.fleet.state import FleetState
from baton_ping_monitor.fleet.view import FleetView, ServerView
from baton_ping_monitor.observation import Observation
from baton_ping_monitor.services import Services
from baton_ping_monitor.settings import Retention, Settings, WebSettings
from baton_ping_monitor.store.records import Batch, RunRecord
from baton_ping_monitor.store.store import Store
from baton_ping_monitor.updates import Updates
from baton_ping_monitor.web.app import make_app
from baton_ping_monitor.web.passwords import hash_password, new_token

BEGINNING = 1_800_000_000.0
TOKEN, TOKEN_KEPT = new_token()
PASSWORDS = {"alice": "wonderland", "victor": "view only"}
USERS = (
    f"alice:operator:{hash_password(PASSWORDS['alice'])}\n"
    f"victor:viewer:{hash_password(PASSWORDS['victor'])}\n"
    f"ci:operator:{TOKEN_KEPT}\n"
)


class Time(Clock):
    """A clock that a test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGINNING

    def __call__(self) -> float:
        return self.now


@dataclass
class Fleet:
    """The state of the fleet, by that clock."""

    state: FleetState
    clock: Time

    def view(self) -> FleetView:
        return self.state.view(self.clock())

    def server(self, fqdn: str) -> ServerView | None:
        return self.state.server(fqdn, self.clock())

    def maintain(self, fqdns: Sequence[str], until: float | None, by: str) -> int:
        return self.state.maintain(fqdns, until, by, self.clock())

    def retire(self, fqdns: Sequence[str], by: str, *, retired: bool = True) -> int:
        return self.state.retire(fqdns, by, self.clock(), retired=retired)


@dataclass
class Health:
    """How the monitor itself is."""

    is_ready: bool = True
    reason: str = ""
    trouble: str = ""


@dataclass
class Site:
    """An application, and what it is made over. Its clients are browsers of this machine."""

    services: Services
    state: FleetState
    store: Store
    time: Time
    health: Health
    stack: AsyncExitStack
    app: Any = None
    token: str = TOKEN
    numbers: list[int] = field(default_factory=lambda: [0])

    def client(
        self, *, base: str = "http://localhost:8470", host: str = "127.0.0.1", **options: Any
    ) -> httpx2.AsyncClient:
        """A browser, from the address *host*; one that has logged in keeps its cookies."""
        transport = httpx2.ASGITransport(self.app, client=(host, 50_000))
        return httpx2.AsyncClient(transport=transport, base_url=base, **options)

    async def say(self, fqdn: str = "web01.example.org", kind: str = "pong", **more: Any) -> None:
        """An output arrives: the fleet knows it, and it is kept."""
        self.numbers[0] += 1
        body = {"type": kind, "fqdn": fqdn, "environment": more.get("environment", "production")}
        given: dict[str, Any] = {
            "received": self.time(),
            "extension": "baton-ping",
            "kind": kind,
            "fqdn": fqdn,
            "environment": "production",
            "app_names": ("shop",),
            "summary": f"{kind} of {fqdn}",
            "body": json.dumps(body),
            "message_id": f"output-{self.numbers[0]}",
            "instance": f"instance of {fqdn}",
        }
        seen = self.state.observe(Observation(**(given | more)))
        changes = self.state.take_changes()
        self.store.write(
            Batch((seen,), servers=tuple(changes.servers), transitions=tuple(changes.transitions))
        )
        self.services.updates.notify()


MakeSite = Callable[..., Site]


@pytest.fixture
async def make_site(tmp_path: Path) -> AsyncIterator[MakeSite]:
    """Makes a site; with *users*, one that wants a login."""
    async with AsyncExitStack() as stack:

        def make(*, users: str | None = None, state: FleetState | None = None, **web: Any) -> Site:
            time, health = Time(), Health()
            if users is not None:
                web["users_file"] = tmp_path / "users"
                web["users_file"].touch(mode=0o600)
                web["users_file"].write_text(users)
            settings = Settings(web=WebSettings(**web))
            store = Store.open(f"sqlite:///{tmp_path}/dashboard.db", Retention(), time)
            stack.callback(store.close)
            state = state or FleetState(pings_by_itself=True)
            configuration = Configuration(rabbit_url=f"memory://{tmp_path.name}")

            async def keep(run: RunRecord) -> None:
                store.write_run(run)

            pings = PingRuns(configuration, state, keep, time)
            stack.push_async_callback(pings.stop)
            services = Services(
                settings=settings,
                fleet=Fleet(state, time),
                history=store,
                pings=pings,
                alerts=Alerter([], time),
                updates=Updates(),
                clock=time,
                health=health,
                sessions=store,
            )
            return Site(services, state, store, time, health, stack, make_app(services))

        yield make


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """One without users: whoever reaches it may everything."""
    return make_site()


@pytest.fixture
def guarded(make_site: MakeSite) -> Site:
    """One where alice is an operator, victor a viewer, and ci has a token."""
    return make_site(users=USERS)


@pytest.fixture
async def browser(site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody on the pages of *site*."""
    async with site.client() as found:
        yield found


def csrf_in(page: str) -> str:
    """What the forms of a page send back."""
    found = page.partition('name="csrf" value="')[2].partition('"')[0]
    assert found
    return found


LogIn = Callable[..., Any]


@pytest.fixture
def log_in() -> LogIn:
    """Logs a browser in, as a person does; returns the answer to the form."""

    async def log_in_one(
        browser: httpx2.AsyncClient, user: str = "alice", password: str | None = None, **more: str
    ) -> httpx2.Response:
        page = await browser.get("/login")
        fields = {"user": user, "password": PASSWORDS.get(user, "") if password is None else password}
        return await browser.post("/login", data={**fields, "csrf": csrf_in(page.text), **more})

    return log_in_one


@pytest.fixture
def csrf() -> Callable[[str], str]:
    """Finds what the forms of a page send back."""
    return csrf_in
