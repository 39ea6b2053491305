"""The monitor as a process, and what is said to it."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import pty
import re
import secrets
import shutil
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from baton import Configuration, Message
from baton.message import Envelope
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
from webhook import Receiver

pytest.register_assert_rewrite("databases.contract")

PATIENCE = 40.0
RUN = "from baton_ping_monitor.executable import main; main()"


class Running:
    """A process whose output is read as it comes, from a terminal or from a pipe."""

    def __init__(self, arguments: list[str], environment: dict[str, str], terminal: bool) -> None:
        self.output = ""
        self.left: list[Any] = []
        self._news = threading.Condition()
        if terminal:
            self._source, self.terminal = pty.openpty()
            termios.tcsetwinsize(self.terminal, (30, 100))
        else:
            self._source, self.terminal = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=self.terminal if terminal else subprocess.DEVNULL,
            stdout=self.terminal,
            stderr=self.terminal,
            env=environment,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def expect(self, pattern: str) -> re.Match[str]:
        """Wait until *pattern* is in the output."""
        with self._news:
            found = self._news.wait_for(lambda: re.search(pattern, self.output), PATIENCE)
        assert found, f"{pattern} did not come in:\n{self.output}"
        return found

    def type(self, text: str) -> None:
        """Type *text* at its terminal."""
        os.write(self._source, text.encode())

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self, timeout: float = PATIENCE) -> int:
        """Wait until it ends; its exit code."""
        code = self._process.wait(timeout)
        if os.isatty(self.terminal):
            self.left = termios.tcgetattr(self.terminal)
        os.close(self.terminal)
        self._reader.join(PATIENCE)
        return code

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self.end()
        os.close(self._source)

    def _read(self) -> None:
        decode = bytearray()
        while True:
            try:
                data = os.read(self._source, 65_536)
            except OSError:  # the other end of a terminal has gone
                data = b""
            if not data:
                return
            decode += data
            with self._news:
                self.output = decode.decode(errors="replace").replace("\r\n", "\n")
                self._news.notify_all()


Start = Callable[..., Running]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the monitor with some options, or a scene of scenes.py."""
    started: list[Running] = []
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BATON_")}
    environment |= {"TERM": "xterm-256color", "PYTHONWARNINGS": "error"}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)

    def start_one(
        *options: str, scene: str = "", terminal: bool = False, **variables: str
    ) -> Running:
        script = Path(__file__).with_name("scenes.py")
        arguments = [str(script), scene] if scene else ["-c", RUN]
        running = Running([*arguments, *options], environment | variables, terminal)
        started.append(running)
        return running

    yield start_one
    for running in started:
        running.close()


def output(
    fqdn: object = "web01.example.org",
    kind: str = "pong",
    *,
    environment: object = "production",
    app_names: object = ("shop",),
    message_id: str | None = None,
    answers: str | None = None,
    timestamp: float | None = None,
    **more: Any,
) -> Message:
    """What a server says."""
    names = list(app_names) if isinstance(app_names, tuple) else app_names
    body = {"type": kind, "environment": environment, "fqdn": fqdn, "app_names": names, **more}
    envelope = Envelope(message_id=message_id, correlation_id=answers, timestamp=timestamp)
    return Message(body, envelope=envelope)


Say = Callable[..., Message]


@pytest.fixture
def say() -> Say:
    """Makes outputs."""
    return output


@pytest.fixture
def memory_url() -> str:
    """A broker in memory of the test's own."""
    return f"memory://{secrets.token_hex(8)}"


Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """Waits until something is so, that no event tells of."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.002)

    return wait


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A web server that takes alerts."""
    receiver = Receiver()
    yield receiver
    receiver.close()


# The web application

BEGINNING = 1_800_000_000.0
CHEAP = (2**10, 8, 1)
"""A cost of scrypt that tests can afford."""
PASSWORDS = {"alice": "wonderland", "victor": "view only"}


@pytest.fixture(scope="session")
def token() -> tuple[str, str]:
    """The token of ci, and what a users file keeps of it."""
    return new_token()


@pytest.fixture(scope="session")
def users(token: tuple[str, str]) -> str:
    """A users file: alice is an operator, victor a viewer, and ci has a token."""
    return (
        f"alice:operator:{hash_password(PASSWORDS['alice'], CHEAP)}\n"
        f"victor:viewer:{hash_password(PASSWORDS['victor'], CHEAP)}\n"
        f"ci:operator:{token[1]}\n"
    )


class Time(Clock):
    """A clock that a test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGINNING

    def __call__(self) -> float:
        return self.now


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
    app: Starlette
    token: str
    passwords: Mapping[str, str] = field(default_factory=lambda: PASSWORDS)
    said: int = 0
    pings: int = 0

    def client(
        self, *, base: str = "http://localhost:8470", host: str = "127.0.0.1", **options: Any
    ) -> httpx2.AsyncClient:
        """A browser, from the address *host*; one that has logged in keeps its cookies."""
        transport = httpx2.ASGITransport(self.app, client=(host, 50_000))
        return httpx2.AsyncClient(transport=transport, base_url=base, **options)

    async def say(self, fqdn: str = "web01.example.org", kind: str = "pong", **more: Any) -> None:
        """An output arrives: the fleet knows it, and it is kept."""
        self.said += 1
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
            "message_id": f"output-{self.said}",
            "correlation_id": "command",
            "instance": f"instance of {fqdn}",
        }
        seen = self.state.observe(Observation(**(given | more)))
        self.keep(seen)

    def let_pings_pass(self, number: int = 5) -> None:
        """Pings go out, ten seconds apart, and nobody answers."""
        for _ in range(number):
            self.pings += 1
            self.state.ping_sent({"*": f"unanswered-{self.pings}"}, self.time())
            for _ in range(10):
                self.time.now += 1
                self.state.alive(self.time())
                self.state.tick(self.time())
        self.keep()

    def keep(self, *seen: Observation) -> None:
        """What has changed is kept, and whoever waits is told."""
        changes = self.state.take_changes()
        self.store.write(
            Batch(seen, tuple(changes.missed), tuple(changes.servers), tuple(changes.transitions))
        )
        for incident in changes.incidents:
            self.store.write_incident(incident)
        self.services.updates.notify()

    def spoil_database(self) -> None:
        """From now on the database is none."""
        self.store.close()
        path = Path(self.store.name.removeprefix("sqlite:///"))
        for each in path.parent.glob(f"{path.name}*"):
            each.write_bytes(b"no database " * 1000)


MakeSite = Callable[..., Site]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all its tables, to be copied: making them takes longer than most tests."""
    path = tmp_path_factory.mktemp("database") / "dashboard.db"
    Store.open(f"sqlite:///{path}", Retention(), lambda: BEGINNING).close()
    return path


@pytest.fixture
async def make_site(
    tmp_path: Path, token: tuple[str, str], empty_database: Path
) -> AsyncIterator[MakeSite]:
    """Makes a site; with *users*, one that wants a login."""
    numbers = itertools.count()
    async with AsyncExitStack() as stack:

        def make(*, users: str | None = None, state: FleetState | None = None, **web: Any) -> Site:
            time, health = Time(), Health()
            folder = tmp_path / str(next(numbers))
            folder.mkdir()
            if users is not None:
                web["users_file"] = folder / "users"
                web["users_file"].touch(mode=0o600)
                web["users_file"].write_text(users)
            settings = Settings(web=WebSettings(**web))
            path = shutil.copy(empty_database, folder)
            store = Store.open(f"sqlite:///{path}", Retention(), time)
            stack.callback(store.close)
            state = state or FleetState(pings_by_itself=True)
            configuration = Configuration(rabbit_url=f"memory://{tmp_path.name}-{folder.name}")
            pings = PingRuns(configuration, state, store.write_run, time)
            stack.push_async_callback(pings.stop)
            services = Services(
                settings=settings,
                fleet=LiveFleet(state, time, lambda: None),
                history=store,
                pings=pings,
                alerts=Alerter([], time),
                updates=Updates(),
                clock=time,
                health=health,
                sessions=store,
            )
            return Site(services, state, store, time, health, make_app(services), token[0])

        yield make


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """One without users: whoever reaches it may everything."""
    return make_site()


@pytest.fixture
def guarded(make_site: MakeSite, users: str) -> Site:
    """One that *users* have to log in to."""
    return make_site(users=users)


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
        fields = {
            "user": user,
            "password": PASSWORDS.get(user, "") if password is None else password,
        }
        return await browser.post("/login", data={**fields, "csrf": csrf_in(page.text), **more})

    return log_in_one


@pytest.fixture
def csrf() -> Callable[[str], str]:
    """Finds what the forms of a page send back."""
    return csrf_in
