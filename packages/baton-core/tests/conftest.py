"""Fixtures that several modules of tests share."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import secrets
import ssl
import subprocess
import sys
import sysconfig
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final

import pytest

import baton
import baton_ping
from baton import Collector, Configuration, Consumer, Message, Reply, Server, Service
from baton.cli.fleet.asking import ask
from baton.cli.fleet.collecting import Question
from baton.cli.fleet.options import FleetOptions
from baton.configuration import configure
from baton.durable import dead_letter_topology, dead_letters, durable_queue, queue_name
from baton.extension import Extension
from baton.fleet import Collection, Request
from baton.message import Envelope
from baton.testing import ServiceFactory
from baton.transports import (
    Binding,
    Delivery,
    Exchange,
    Publication,
    Topology,
    TransportListener,
    open_transport,
)
from baton.transports.memory import MemoryBroker, memory_broker
from baton_ping.service import PingService


@pytest.fixture(scope="session")
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where runs are kept meanwhile."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, state_home: Path) -> Iterator[None]:
    """No test sees the settings of whoever runs it, nor leaves any behind."""
    for name in list(os.environ):
        if name.startswith("BATON_") and not name.startswith("BATON_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(state_home))
    yield
    configure()


@pytest.fixture
def memory_url() -> str:
    """The URL of a fresh broker in this process."""
    return f"memory://{secrets.token_hex(8)}"


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs this Python with arguments, and returns what it said."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)

    return run


@pytest.fixture
def own_logging() -> Iterator[None]:
    """A test may set up logging; afterwards it is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("aio_pika", "aiormq", "pika"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which this process and those that it starts import."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    yield folder
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def alone(tmp_path: Path) -> list[str]:
    """A ``sys.path`` on which nothing is installed but Baton and baton-ping, not even what these
    need."""
    folder = tmp_path / "alone"
    folder.mkdir()
    for name, package in (("baton_core", baton), ("baton_ping", baton_ping)):
        (found,) = Path(str(distribution(name).locate_file(""))).glob(f"{name}-*.dist-info")
        (folder / found.name).symlink_to(found)
        (folder / package.__name__).symlink_to(Path(str(package.__file__)).parent)
    standard = sysconfig.get_path("stdlib")
    return [str(folder), standard, f"{standard}/lib-dynload"]


@pytest.fixture
def install(site: Path) -> Callable[..., None]:
    """Installs a distribution in `site`: a module and entry points, ``{group: {name: value}}``."""

    def install(module: str, source: str, entry_points: dict[str, dict[str, str]]) -> None:
        (site / f"{module}.py").write_text(source)
        info = site / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n")
        lines = []
        for group, entries in entry_points.items():
            lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
        (info / "entry_points.txt").write_text("\n".join(lines))

    return install


class Screen(io.TextIOWrapper):
    """What a terminal is to a program that writes to it; it keeps what it was given."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, encoding, newline="")

    def isatty(self) -> bool:
        """It is one."""
        return True

    @property
    def shown(self) -> str:
        """All that was written."""
        self.flush()
        return self._bytes.getvalue().decode(self.encoding)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Screen]:
    """Makes terminals of 20 columns and 10 lines, to redirect an output to."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "10")
    return Screen


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def listen() -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Starts a server on 127.0.0.1 that does as a coroutine function says with each connection,
    and returns its port."""
    servers: list[asyncio.Server] = []
    tasks: set[asyncio.Task[None]] = set()

    async def listen(talk: Talk, context: ssl.SSLContext | None = None) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                await talk(reader, writer)
                await writer.drain()
            except (OSError, asyncio.CancelledError):
                pass  # the other side has gone, or the test is over
            finally:
                writer.close()
                tasks.discard(task)

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield listen
    for server in servers:
        server.close()
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for server in servers:
        await server.wait_closed()


EXTENSION: Final = Extension("baton-greet")


class Greeter(Consumer):
    """Answers twice."""

    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    @property
    def attributes(self) -> dict[str, Any]:
        return self.server.attributes

    async def process_message(self, message: Message) -> None:
        if message.type == "fail":
            raise ValueError("no")
        if message.type == "greet":
            self.notify_info("about to greet")
            self.notify_success("hello")


class GreetService(Service):
    extension = EXTENSION.name

    def setup_consumers(self) -> None:
        self.add_consumer(Greeter("greeter", self.server))


class Fleet:
    """Services in this process, on a broker of their own."""

    extension = EXTENSION

    def __init__(self) -> None:
        self.name = secrets.token_hex(4)
        self.broker: MemoryBroker = memory_broker(self.name)
        self.services: list[Service] = []

    def configuration(self, **settings: Any) -> Configuration:
        return Configuration(rabbit_url=f"memory://{self.name}", **{"deadline": 2, **settings})

    async def add(self, *names: str, environment: str = "production", **settings: Any) -> None:
        """Start a service for each of *names*."""
        for name in names:
            service = GreetService(self.configuration(**settings), Server(name, environment))
            await service.start()
            await until_ready(service)
            self.services.append(service)

    def deafen(self, name: str) -> None:
        """The service of that *name* listens, and does nothing any more."""
        (service,) = [each for each in self.services if each.server.fqdn == name]
        service.channel.managers[0].stop()

    def collector(self, **settings: Any) -> Collector:
        return Collector(self.configuration(**settings), self.extension)

    def collection(
        self, targets: str | tuple[str, ...] = "production", kind: str = "greet", **options: Any
    ) -> Collection:
        """A collection of what is said to a message of that *kind*; ``runs``, ``pausing`` and
        ``interop`` are no options of the request."""
        own = {name: options.pop(name) for name in ("runs", "pausing") if name in options}
        settings = {name: options.pop(name) for name in ("interop", "deadline") if name in options}
        keys = (targets,) if isinstance(targets, str) else targets
        request = Request(message={"type": kind}, targets=keys, **options)
        return Collection(self.configuration(**settings), self.extension, request, **own)

    def say(self, key: str, body: bytes, envelope: Envelope) -> None:
        """Say something on the output exchange, as anybody can."""
        exchange = self.extension.exchange_out
        self.broker.publish(Publication(1, exchange, key, body, envelope))

    def reply_key(self) -> str:
        """The key of the one requester there is."""
        (key,) = [key for _, key, queue in self.broker.bindings if "requester" in queue]
        return key


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    """Servers to which services are added, and which are stopped in the end."""
    fleet = Fleet()
    yield fleet
    for service in fleet.services:
        await service.stop(1)


def environment_of(reply: Reply) -> str:
    return str(reply.message.get("environment", ""))


class PingedFleet:
    """Servers that the command line asks."""

    def __init__(self, url: str) -> None:
        self.configuration = Configuration(rabbit_url=url)
        self.broker = memory_broker(url.removeprefix("memory://"))

    def question(
        self, *targets: str, describe: Callable[[Reply], str] = environment_of, **options: object
    ) -> Question:
        fleet = FleetOptions(**options)  # type: ignore[arg-type]
        request = fleet.request({"type": "ping"}, targets or ("production",))
        return Question(self.configuration, Extension("baton-ping"), request, fleet, describe)

    def ask(self, *targets: str, **options: object) -> int:
        return ask(self.question(*targets, **options))  # type: ignore[arg-type]


@pytest.fixture
def empty(memory_url: str) -> PingedFleet:
    """No servers yet."""
    return PingedFleet(memory_url)


@pytest.fixture
def pinged(empty: PingedFleet, baton_service: ServiceFactory, memory_url: str) -> PingedFleet:
    """Two servers in production, which answer pings."""
    for name in ("web01.example.org", "web02.example.org"):
        baton_service(PingService, Server(name, "production"), rabbit_url=memory_url)
    return empty


async def until_ready(service: Service) -> None:
    ready = asyncio.Event()
    service.watch(lambda state: ready.set() if state.phase == "ready" else None)
    await asyncio.wait_for(ready.wait(), 5)


@dataclass
class Answer:
    """What a web application answers to a path."""

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    """Seconds before each byte of the body."""


class Web:
    """A web application on 127.0.0.1, and what was asked of it."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str | None]] = []
        """The paths, each with its authorization."""
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked.append((self.path, self.headers.get("Authorization")))
                answer = web.answers.get(self.path, Answer(status=404))
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if not answer.pause:
                    self.wfile.write(answer.body)
                    return
                for byte in answer.body:
                    if web.closing.wait(answer.pause):
                        return
                    with suppress(OSError):  # who asked has gone
                        self.wfile.write(bytes([byte]))

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.01])
        self._thread.start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def serve(self, path: str, document: object) -> None:
        """Answer *path* with *document* in JSON."""
        self.answer(path, body=json.dumps(document).encode())

    def answer(self, path: str, **answer: Any) -> None:
        """Answer *path* with an :class:`Answer`."""
        self.answers[path] = Answer(**answer)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def make_web() -> Iterator[Callable[[], Web]]:
    """Makes web applications that answer what a test says."""
    made: list[Web] = []

    def make_web() -> Web:
        made.append(Web())
        return made[-1]

    yield make_web
    for web in made:
        web.close()


@pytest.fixture
def web(make_web: Callable[[], Web]) -> Web:
    """A web application that answers what a test says."""
    return make_web()


class Graveyard(TransportListener):
    """Has commands to servers of an extension die, at a broker in this process."""

    def __init__(self, url: str, extension: Extension = EXTENSION) -> None:
        self.configuration = Configuration(rabbit_url=url)
        self.extension = extension
        self.transport = open_transport(
            self.configuration, self.configuration.endpoints[0], self, "graveyard"
        )
        self._deliveries: list[Delivery] = []
        self._told = asyncio.Event()
        self._number = 0

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        """A command is at its server."""
        self._deliveries += deliveries
        self._told.set()

    async def bury(self, server: str, body: bytes = b'{"type":"greet"}', **envelope: Any) -> None:
        """Have a command that was sent to everybody be rejected by *server*."""
        envelope.setdefault("persistent", True)
        queue = await self.queue_of(server)
        binding = Binding(queue, "baton_greet_in", "production")
        await self.transport.declare(Topology([Exchange("baton_greet_in")], (), [binding]))
        self._told.clear()
        self.publish(binding.exchange, binding.key, body, Envelope(**envelope))
        await self.transport.consume(queue, 1)
        await self._told.wait()
        await self.transport.unbind(binding)
        self.transport.reject([self._deliveries.pop()])
        await self.transport.cancel(queue)

    async def queue_of(self, server: str) -> str:
        """The durable queue of *server*, which is there."""
        queue = queue_name(self.extension, server, "greeter")
        declared = durable_queue(self.configuration, self.extension, queue)
        await self.transport.declare(Topology(queues=[declared]))
        return queue

    def publish(self, exchange: str, key: str, body: bytes, envelope: Envelope) -> None:
        """Publish what somebody may have made up."""
        self._number += 1
        self.transport.publish([Publication(self._number, exchange, key, body, envelope)])

    def forge(self, body: bytes = b'{"type":"greet"}', **envelope: Any) -> None:
        """Put something among the dead letters that did not die."""
        self.publish("", dead_letters(self.extension), body, Envelope(**envelope))


@pytest.fixture
async def graveyard(memory_url: str) -> AsyncIterator[Graveyard]:
    """Dead letters of baton-greet, none yet, at the broker ``memory_url``."""
    graveyard = Graveyard(memory_url)
    await graveyard.transport.open()
    topology = dead_letter_topology(graveyard.configuration, graveyard.extension)
    await graveyard.transport.declare(topology)
    yield graveyard
    await graveyard.transport.close()
