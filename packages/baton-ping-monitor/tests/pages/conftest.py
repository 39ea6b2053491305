"""The web application over a real fleet state, a real store, and a broker in memory."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from baton import Configuration
from baton.message import new_id
from baton_ping_monitor.alerts.alerter import Alerter
from baton_ping_monitor.clock import Clock
from baton_ping_monitor.collector.pings import PingRuns
from baton_ping_monitor.fleet.limits import Limits
from baton_ping_monitor.fleet.live import LiveFleet
from baton_ping_monitor.fleet.state import FleetState
from baton_ping_monitor.observation import Observation
from baton_ping_monitor.services import Services
from baton_ping_monitor.settings import Retention, Settings, WebSettings
from baton_ping_monitor.store.records import Batch
from baton_ping_monitor.store.store import Store
from baton_ping_monitor.updates import Updates
from baton_ping_monitor.web.app import make_app

NOW = 1_750_000_000.0


class StillClock(Clock):
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Condition:
    """How the monitor is."""

    is_ready: bool = True
    reason: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class Page:
    """An answer, as it came and as a person reads it."""

    status: int
    html: str
    headers: httpx2.Headers

    @property
    def title(self) -> str:
        found = re.search(r"<title>(.*?)</title>", self.html, re.DOTALL)
        assert found
        return html.unescape(found[1])

    @property
    def text(self) -> str:
        """What is to be read in it, with single spaces."""
        _, _, main = self.html.partition("<body")
        words = html.unescape(re.sub(r"<[^>]*>", " ", f"<body{main}")).split()
        return re.sub(r" ([.,:])(?= |$)", r"\1", " ".join(words))

    def names(self) -> list[str]:
        """The servers of a list, in order."""
        return [html.unescape(it) for it in re.findall(r'<tr[^>]* data-key="([^"]*)"', self.html)]

    def hrefs(self) -> list[str]:
        return [html.unescape(it) for it in re.findall(r' href="([^"]*)"', self.html)]


@dataclass
class Dashboard:
    """What a test has in its hands."""

    services: Services
    state: FleetState
    store: Store
    clock: StillClock
    condition: Condition
    browser: httpx2.AsyncClient
    forms: dict[str, str] = field(default_factory=dict)

    def hear(self, fqdn: str = "web01.example.org", kind: str = "pong", **more: Any) -> Observation:
        """A server says something; it is known and kept."""
        said = Observation(self.clock(), "baton-ping", kind, fqdn, "production", ("shop",), kind)
        seen = self.state.observe(replace(said, **{"correlation_id": "other", **more}))
        self.store.write(Batch((seen,)))
        return seen

    def crowd(self, number: int) -> None:
        """So many servers say something; it is known only."""
        for each in range(number):
            fqdn = f"web{each:03}.example.org"
            self.state.observe(Observation(self.clock(), "baton-ping", "pong", fqdn, "production"))

    def ping(self, message_id: str = "ping", target: str = "*") -> None:
        self.state.ping_sent({target: message_id}, self.clock())

    def wait(self, seconds: float) -> None:
        """Time passes: a tick a second. What changed is kept."""
        for _ in range(int(seconds)):
            self.clock.now += 1
            self.state.alive(self.clock())
            self.state.tick(self.clock())
        changes = self.state.take_changes()
        self.store.write(Batch((), changes.missed, changes.servers, changes.transitions))
        for incident in changes.incidents:
            self.store.write_incident(incident)

    def lose(self, *fqdns: str, pings: int = 4) -> None:
        """These servers answer no ping any more."""
        for number in range(pings):
            self.ping(f"lost-{self.clock()}-{number}")
            self.wait(12)

    async def get(self, path: str, **query: str) -> Page:
        address = f"{path}?{urlencode(query)}" if query else path
        return page_of(await self.browser.get(address))

    async def post(self, path: str, fields: dict[str, Any]) -> Page:
        """Send a form as a page of ours does, and follow where it leads."""
        given = {"csrf": await self.csrf(), **fields}
        return page_of(await self.browser.post(path, data=given, follow_redirects=True))

    async def csrf(self) -> str:
        """What forms of this browser have to say."""
        shown = await self.get("/ping")
        found = re.search(r'name="csrf" value="([^"]+)"', shown.html)
        assert found
        return found[1]


def page_of(answer: httpx2.Response) -> Page:
    return Page(answer.status_code, answer.text, answer.headers)


Make = Callable[..., Dashboard]


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def store(tmp_path: Path, empty_database: Path, clock: StillClock) -> Iterator[Store]:
    path = shutil.copy(empty_database, tmp_path)
    store = Store.open(f"sqlite:///{path}", Retention(), clock)
    yield store
    store.close()


@pytest.fixture
def broker() -> str:
    """The address of a broker in memory, of this test alone."""
    return f"memory://{new_id()}"


@pytest.fixture
async def make_dashboard(store: Store, broker: str, clock: StillClock) -> AsyncIterator[Make]:
    """Makes a dashboard with settings of the test's own."""
    made: list[tuple[httpx2.AsyncClient, PingRuns]] = []

    def make(web: WebSettings | None = None, *, pings_by_itself: bool = True) -> Dashboard:
        updates, condition = Updates(), Condition()
        state = FleetState(Limits.of(10.0), pings_by_itself=pings_by_itself)
        state.tick(clock())

        configuration = Configuration(rabbit_url=broker)
        pings = PingRuns(configuration, state, store.write_run, clock)
        services = Services(
            settings=Settings(web=web or WebSettings()),
            fleet=LiveFleet(state, clock, updates.notify),
            history=store,
            pings=pings,
            alerts=Alerter([], clock),
            updates=updates,
            clock=clock,
            health=condition,
            sessions=store,
        )
        browser = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(make_app(services)), base_url="http://localhost"
        )
        made.append((browser, pings))
        return Dashboard(services, state, store, clock, condition, browser)

    yield make
    for browser, pings in made:
        await pings.stop()
        await browser.aclose()


@pytest.fixture
def dashboard(make_dashboard: Make) -> Dashboard:
    return make_dashboard()
