"""The permissions that docs/operating.md names: with these and no more, each user does its work."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shlex
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from baton import Configuration, Service
from baton.durable import dead_letter_topology, dead_letters, durable_queue, queue_name
from baton.extension import Extension
from baton.link import Phase
from baton.message import Envelope, Message
from baton.transports import Publication, Topology, open_transport
from baton_ping.api import PingAPI
from baton_ping.consumer import PingConsumer
from baton_ping.monitor import PingMonitor
from baton_ping.service import PingService
from brokers.vhost import Vhost
from brokers.waiting import wait_until
from integration.recorder import Recorder
from integration.running import WEB01, ask, command, process, reach, running

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"
GRANT = re.compile(r"^\$ rabbitmqctl (set_permissions -p baton baton-.+)$", re.MULTILINE)
ROLES = ("server", "requester", "web", "monitor", "pinger", "mender")
REFUSED, LOCKED = 403, 405

IN, OUT = "baton_ping_in", "baton_ping_out"
SERVER = {"BATON_FQDN": WEB01.fqdn, "BATON_ENVIRONMENT": WEB01.environment}


def has_answered(run: str) -> bool:
    """Whether somebody has answered a run of a dashboard."""
    with urllib.request.urlopen(run, timeout=10) as answer:
        return bool(json.load(answer)["document"]["answered"])


@dataclass(frozen=True)
class User:
    """A user of the broker, in the virtual host of one test."""

    name: str
    password: str
    vhost: Vhost

    @property
    def url(self) -> str:
        """The URL with which it connects."""
        return self.vhost.url.replace("guest:guest@", f"{self.name}:{self.password}@")

    @property
    def configuration(self) -> Configuration:
        """What a program of this user is configured with."""
        return Configuration(rabbit_url=self.url, pulse=0.2)

    def grant(self, configure: str, write: str, read: str) -> None:
        """Let it do what these patterns say, and no more."""
        self.vhost.api.set_permissions(
            self.name, self.vhost.name, configure=configure, write=write, read=read
        )


Users = Mapping[str, User]


def documented() -> dict[str, list[str]]:
    """Each role in the docs, and its patterns for configure, write and read."""
    section = PAGE.read_text().partition("\n## Permissions\n")[2].partition("\n## ")[0]
    granted = {}
    for line in GRANT.findall(section):
        _, _, _, user, *patterns = shlex.split(line)
        granted[user.removeprefix("baton-")] = patterns
    return granted


@pytest.fixture
def users(vhost: Vhost) -> Iterator[Users]:
    """A user for each role, who may do what the docs say."""
    token = secrets.token_hex(4)
    users = {role: User(f"baton-{role}-{token}", secrets.token_hex(8), vhost) for role in ROLES}
    try:
        for role, patterns in documented().items():
            vhost.api.create_user(users[role].name, users[role].password)
            users[role].grant(*patterns)
        yield users
    finally:
        for user in users.values():
            vhost.api.delete_user(user.name)


class Hearing(PingMonitor):
    """A monitor that remembers, and can be waited for."""

    def __init__(self, configuration: Configuration, instance: str | None) -> None:
        super().__init__(configuration, instance)
        self.heard: list[Message] = []
        self._came = asyncio.Event()

    def process_message(self, message: Message) -> None:
        self.heard.append(message)
        self._came.set()

    async def until(self, count: int) -> None:
        """Wait until so many messages were heard."""
        async with asyncio.timeout(20):
            while len(self.heard) < count:
                self._came.clear()
                await self._came.wait()


@asynccontextmanager
async def hearing(user: User, instance: str | None = None) -> AsyncIterator[Hearing]:
    """A monitor of *user*, ready when the block begins."""
    monitor = Hearing(user.configuration, instance)
    ready = asyncio.Event()
    await monitor.start(lambda state: ready.set() if state.phase is Phase.READY else None)
    try:
        async with asyncio.timeout(20):
            await ready.wait()
        yield monitor
    finally:
        await monitor.stop()


async def pulse_of(service: Service) -> None:
    """Return when *service* has asserted once more all that it needs."""
    pulsed = asyncio.Event()
    service.channel.watch_pulse(pulsed.set)
    async with asyncio.timeout(20):
        await pulsed.wait()


async def refused(user: User, action: Callable[[BlockingChannel], object]) -> int:
    """The code with which the broker refuses *user* an action."""

    def act() -> int:
        connection = pika.BlockingConnection(pika.URLParameters(user.url))
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            with pytest.raises(ChannelClosedByBroker) as caught:
                action(channel)
            return int(caught.value.reply_code)
        finally:
            connection.close()

    return await asyncio.to_thread(act)


def queue_of_web01(vhost: Vhost) -> str:
    names = [str(queue["name"]) for queue in vhost.queues()]
    (name,) = [name for name in names if name.startswith("baton-ping.web01.example.org.")]
    return name


def test_the_docs_name_a_user_for_each_role() -> None:
    granted = documented()
    assert tuple(granted) == ROLES
    assert all(len(patterns) == 3 for patterns in granted.values())


# What each may do


@pytest.mark.parametrize("instance", [None, "ops"])
async def test_a_fleet_works(users: Users, instance: str | None) -> None:
    async with (
        running(users["server"].configuration) as service,
        hearing(users["monitor"], instance) as monitor,
    ):
        await pulse_of(service)
        (reply,) = await ask(users["requester"].configuration, {"type": "ping"}, WEB01.fqdn)
        with PingAPI(users["web"].configuration) as api:
            await asyncio.to_thread(api.ping, "production")
        await monitor.until(2)
        assert service.channel.state.phase is Phase.READY
        assert monitor.state.phase is Phase.READY
    assert (reply.fqdn, reply.succeeded) == (WEB01.fqdn, True)
    assert {message.user_id for message in monitor.heard} == {users["server"].name}


class KeptPingConsumer(PingConsumer):
    durable = True


class KeptPingService(PingService):
    def setup_consumers(self) -> None:
        self.add_consumer(KeptPingConsumer("ping", self.server))


async def test_a_durable_consumer_works(users: Users) -> None:
    server = users["server"].configuration
    async with running(server, kind=KeptPingService):
        pass
    async with hearing(users["monitor"]) as monitor:
        with PingAPI(users["web"].configuration) as api:
            await asyncio.to_thread(api.ping, WEB01.fqdn)
        async with running(server, kind=KeptPingService) as service:
            await pulse_of(service)
            await monitor.until(1)
            assert service.channel.state.phase is Phase.READY


async def test_an_instance_hears_what_was_said_while_it_was_away(users: Users) -> None:
    requester = users["requester"].configuration
    async with running(users["server"].configuration):
        async with hearing(users["monitor"], "ops"):
            pass
        await ask(requester, {"type": "ping"}, WEB01.fqdn)
        async with hearing(users["monitor"], "ops") as monitor:
            await monitor.until(1)


class TestCommands:
    def test_they_work(self, users: Users) -> None:
        ping = '{"type": "ping"}'
        with process("--url", users["server"].url, **SERVER) as service:
            service.wait_for("is ready")
            pinged = command("ping", WEB01.fqdn, "--url", users["requester"].url)
            wait = ("--wait", "--json", "--url", users["requester"].url)
            asked = command("send", "ping", WEB01.fqdn, ping, *wait)
            sent = command("send", "ping", WEB01.fqdn, ping, "--url", users["web"].url)
            nobody = command("send", "ping", "nowhere", ping, "--url", users["web"].url)
        assert (pinged.code, pinged.err) == (0, "")
        assert (asked.code, asked.err) == (0, "")
        assert json.loads(asked.out)["replies"][0]["message"]["type"] == "pong"
        assert (sent.code, sent.err) == (0, "")
        assert (nobody.code, nobody.out) == (1, "")

    @pytest.mark.parametrize("more", [(), ("--instance", "ops")])
    def test_a_monitor_that_logs(self, users: Users, more: tuple[str, ...]) -> None:
        arguments = ("--plain", "--url", users["monitor"].url, *more)
        with (
            process("--url", users["server"].url, **SERVER) as service,
            process(*arguments, program="baton-ping-monitor") as monitor,
        ):
            service.wait_for("is ready")
            monitor.wait_for("is ready")
            assert command("ping", WEB01.fqdn, "--url", users["requester"].url).code == 0
            assert WEB01.fqdn in monitor.wait_for("pong")

    def test_a_monitor_that_pings(self, users: Users) -> None:
        with (
            process("--url", users["server"].url, **SERVER) as service,
            process(
                *("--table", "--ping-every", "0.2", "--url", users["pinger"].url),
                program="baton-ping-monitor",
            ) as monitor,
        ):
            service.wait_for("is ready")
            monitor.wait_for(f"up       {WEB01.fqdn}")

    def test_a_dashboard_that_is_asked_to_ping(self, users: Users, tmp_path: Path) -> None:
        settings = {"BATON_DATABASE": f"sqlite:///{tmp_path}/dashboard.db"}
        url = users["pinger"].url
        with (
            process("--url", users["server"].url, **SERVER) as service,
            process("--port", "0", "--url", url, program="baton-ping-monitor", **settings) as it,
        ):
            service.wait_for("is ready")
            site = it.wait_for("Dashboard: ").split()[-1]
            asked = urllib.request.Request(
                f"{site}api/runs",
                json.dumps({"targets": ["production"], "timeout": 20}).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(asked, timeout=10) as answer:
                run = json.load(answer)["id"]
            assert wait_until(lambda: has_answered(f"{site}api/runs/{run}"), 15)

    def test_a_monitor_that_may_not_ping_says_so(self, users: Users) -> None:
        with (
            process("--url", users["server"].url, **SERVER) as service,
            process(
                *("--table", "--ping-every", "0.2", "--url", users["monitor"].url),
                program="baton-ping-monitor",
            ) as monitor,
        ):
            service.wait_for("is ready")
            line = monitor.wait_for("Cannot ping: ")
        assert f"write access to exchange '{IN}'" in line

    def test_what_is_missing_is_said_and_tried_again_when_it_was_granted(
        self, users: Users
    ) -> None:
        user = users["server"]
        user.grant("^$", "^$", "^$")
        with process("--url", user.url, **SERVER) as service:
            line = service.wait_for("is disconnected")
            # Two connections declare: either may be the first to be refused.
            assert re.search(f"configure access to exchange '({IN}|{OUT})'", line)
            assert user.name in line
            user.grant(*documented()["server"])
            service.wait_for("is ready")


# What each may not do


def publish(channel: BlockingChannel, exchange: str, key: str) -> None:
    channel.basic_publish(exchange, key, b'{"type": "ping"}', mandatory=True)


def bind_to_queue(channel: BlockingChannel, own: str, queue: str) -> None:
    channel.exchange_declare(own)
    channel.queue_bind(queue, own, "key")


def bind_to_exchange(channel: BlockingChannel, own: str, _: str) -> None:
    channel.exchange_declare(own)
    channel.exchange_bind(IN, own, "*")


WAYS: dict[str, Callable[[BlockingChannel, str, str], object]] = {
    "the input exchange": lambda channel, _, __: publish(channel, IN, "*"),
    "the default exchange": lambda channel, _, queue: publish(channel, "", queue),
    "an exchange of its own, bound to the queue": bind_to_queue,
    "an exchange of its own, bound to the input exchange": bind_to_exchange,
    "an exchange of its own that hands on": lambda channel, own, _: channel.exchange_declare(
        own, arguments={"alternate-exchange": IN}
    ),
    "a queue of its own that hands on": lambda channel, own, _: channel.queue_declare(
        own, exclusive=True, arguments={"x-dead-letter-exchange": IN}
    ),
}
"""How a user might command the fleet, with the name of something of its own and the name of a
server's queue."""


async def test_dead_letters_are_looked_after(users: Users, vhost: Vhost) -> None:
    admin, ping, seen = vhost.configuration(), Extension("baton-ping"), Recorder()
    name = queue_name(ping, WEB01.fqdn, "ping")
    letters, queue = dead_letters(ping), durable_queue(admin, ping, name)
    transport = open_transport(admin, admin.endpoints[0], seen, "admin")
    await transport.open()
    try:
        await transport.declare(dead_letter_topology(admin, ping))
        await transport.declare(Topology(queues=[queue]))
        headers = {"x-first-death-queue": name}
        died = [Envelope(message_id=f"m{n}", headers=headers, persistent=True) for n in range(2)]
        body = b'{"type":"ping"}'
        transport.publish([Publication(n, "", letters, body, each) for n, each in enumerate(died)])
        await seen.until(lambda: len(seen.confirmed_numbers) == len(died))
        url = ("--url", users["mender"].url)
        ended = [
            await asyncio.to_thread(command, "dead-letters", *arguments, *url)
            for arguments in (("list", "ping"), ("retry", "ping", "m0"), ("drop", "ping", "m1"))
        ]
        assert [(each.code, each.err) for each in ended] == [(0, "")] * 3
        assert await transport.count(name) == 1
        assert await transport.count(letters) == 0
        other = ("--url", users["requester"].url)
        refused = await asyncio.to_thread(command, "dead-letters", "list", "ping", *other)
        assert (refused.code, refused.out) == (3, "")
        assert "refused for user" in refused.err
    finally:
        await transport.close()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("role", "own"), [("server", "baton-ping"), ("monitor", "baton-ping-monitor")]
)
async def test_neither_a_server_nor_a_monitor_can_command(
    users: Users, vhost: Vhost, role: str, own: str, way: str
) -> None:
    class Counting(PingService):
        commands: ClassVar[list[Message]] = []

        def setup_consumers(self) -> None:
            self.add_consumer(CountingConsumer(self.server.fqdn, self.server))

    class CountingConsumer(PingConsumer):
        async def process_message(self, message: Message) -> None:
            Counting.commands.append(message)
            await super().process_message(message)

    async with running(users["server"].configuration, kind=Counting):
        queue = queue_of_web01(vhost)
        code = await refused(users[role], lambda channel: WAYS[way](channel, f"{own}.own", queue))
        assert code == (LOCKED if role == "server" and way.endswith("the queue") else REFUSED)
        # Commands arrive in order: what was sent before would have come before this one.
        await ask(users["requester"].configuration, {"type": "ping"}, WEB01.fqdn)
    assert [command.user_id for command in Counting.commands] == [users["requester"].name]


FORBIDDEN: dict[str, tuple[str, Callable[[BlockingChannel, str], object]]] = {
    "a server reads outputs": (
        "server", lambda channel, _: listen(channel, "baton-ping.own", OUT)
    ),
    "a server reads a monitor's queue": (
        "server", lambda channel, _: channel.basic_get("baton-ping-monitor.ops")
    ),
    "a requester declares the input exchange": (
        "requester", lambda channel, _: channel.exchange_declare(IN, durable=True)
    ),
    "a requester declares the output exchange": (
        "requester", lambda channel, _: channel.exchange_declare(OUT, durable=True)
    ),
    "a requester deletes the input exchange": (
        "requester", lambda channel, _: channel.exchange_delete(IN)
    ),
    "a requester deletes the output exchange": (
        "requester", lambda channel, _: channel.exchange_delete(OUT)
    ),
    "a requester reads a server's queue": (
        "requester", lambda channel, queue: channel.basic_get(queue)
    ),
    "a requester consumes a server's queue": (
        "requester", lambda channel, queue: channel.basic_consume(queue, print)
    ),
    "a requester deletes a server's queue": (
        "requester", lambda channel, queue: channel.queue_delete(queue)
    ),
    "a requester reads commands": (
        "requester", lambda channel, _: listen(channel, "baton-ping-requester.own", IN)
    ),
    "a requester publishes outputs": (
        "requester", lambda channel, _: publish(channel, OUT, "")
    ),
    "a web application publishes outputs": (
        "web", lambda channel, _: publish(channel, OUT, "")
    ),
    "a web application declares a queue": (
        "web", lambda channel, _: channel.queue_declare("", exclusive=True)
    ),
    "a web application binds a server's queue to the outputs": (
        "web", lambda channel, queue: channel.queue_bind(queue, OUT, "")
    ),
    "a web application reads a monitor's queue": (
        "web", lambda channel, _: channel.basic_get("baton-ping-monitor.ops")
    ),
    "a web application declares the input exchange": (
        "web", lambda channel, _: channel.exchange_declare(IN, durable=True)
    ),
    "a monitor declares the input exchange": (
        "monitor", lambda channel, _: channel.exchange_declare(IN, durable=True)
    ),
    "a monitor reads commands": (
        "monitor", lambda channel, _: listen(channel, "baton-ping-monitor.own", IN)
    ),
    "a monitor reads a server's queue": (
        "monitor", lambda channel, queue: channel.basic_get(queue)
    ),
    "a monitor publishes outputs": (
        "monitor", lambda channel, _: publish(channel, OUT, "")
    ),
}  # fmt: skip
"""Who does what, with the name of a server's queue."""


def listen(channel: BlockingChannel, queue: str, exchange: str) -> None:
    channel.queue_declare(queue, exclusive=True)
    channel.queue_bind(queue, exchange, "")


@pytest.mark.parametrize("what", FORBIDDEN)
async def test_what_is_refused(users: Users, vhost: Vhost, what: str) -> None:
    role, action = FORBIDDEN[what]
    async with running(users["server"].configuration), hearing(users["monitor"], "ops"):
        queue = queue_of_web01(vhost)
        assert await refused(users[role], lambda channel: action(channel, queue)) == REFUSED


async def test_one_server_cannot_read_the_queue_of_another(users: Users, vhost: Vhost) -> None:
    async with running(users["server"].configuration):
        queue = queue_of_web01(vhost)
        code = await refused(users["server"], lambda channel: channel.basic_get(queue))
    assert code == LOCKED


async def test_a_server_that_may_not_answer_is_not_ready_until_it_may(users: Users) -> None:
    configure, write, read = documented()["server"]
    user = users["server"]
    user.grant(configure, "^baton-ping\\..*$", read)
    async with running(user.configuration) as service:
        phases: list[Phase] = []
        service.watch(lambda state: phases.append(state.phase))
        answers = asyncio.ensure_future(
            ask(users["requester"].configuration, {"type": "ping"}, WEB01.fqdn, timeout=30)
        )
        await reach(service, Phase.CONNECTING)
        assert f"write access to exchange '{OUT}'" in service.state.reason
        user.grant(configure, write, read)
        assert [reply.message.type for reply in await answers] == ["pong"]
        await reach(service, Phase.READY)
    assert phases.count(Phase.READY) == 1
