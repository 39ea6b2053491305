"""`baton dead-letters` as a user runs it, on a real RabbitMQ, with what real services give up."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from baton import API, Configuration, Consumer, Message, Reject, Server, Service
from baton.dead_letters import DeadLetters
from baton.durable import dead_letter_topology, dead_letters, expired
from baton.extension import Extension
from baton.message import Envelope
from baton.transports import Publication, Transport, open_transport
from brokers.vhost import Vhost
from integration.recorder import Recorder
from integration.running import Finished, command, running

PATCH = Extension("baton-patch")
LETTERS, EXPIRED = dead_letters(PATCH), expired(PATCH)


class PatchAPI(API):
    extension = PATCH.name


class Patcher(Consumer):
    """Rejects what it is asked while the package is broken, and says what it has done."""

    durable = True
    broken = True

    def __init__(self, server: Server) -> None:
        super().__init__("patch", server)
        self.done: list[Message] = []
        self._did = asyncio.Event()

    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    async def process_message(self, message: Message) -> None:
        if self.broken:
            raise Reject("the package is broken")
        self.done.append(message)
        self._did.set()

    async def does(self) -> Message:
        """Wait for a command that it does."""
        async with asyncio.timeout(20):
            await self._did.wait()
        return self.done[-1]


class PatchService(Service):
    extension = PATCH.name

    def setup_consumers(self) -> None:
        self.patcher = Patcher(self.server)
        self.add_consumer(self.patcher)


class Fleet:
    """Servers in this event loop, who sends to them, and somebody else on the broker."""

    def __init__(self, configuration: Configuration, url: str, stack: AsyncExitStack) -> None:
        self.configuration = configuration
        self.api = PatchAPI(configuration)
        self.seen = Recorder()
        self.transport: Transport = open_transport(
            configuration, configuration.endpoints[0], self.seen, "somebody else"
        )
        self._url = url
        self._servers = stack

    async def stop(self) -> None:
        """Stop the servers."""
        await self._servers.aclose()

    async def start(self, name: str) -> Patcher:
        """Start a server."""
        server = Server(f"{name}.example.org", "production")
        service = await self._servers.enter_async_context(
            running(self.configuration, server, PatchService)
        )
        assert isinstance(service, PatchService)
        return service.patcher

    async def send(self, key: str, body: dict[str, Any] | None = None, **how: Any) -> str:
        message = body or {"type": "upgrade"}
        return await asyncio.to_thread(lambda: self.api.publish(message, key, **how))

    async def counts(self, queue: str, number: int) -> None:
        """Wait until so many messages are in a queue."""
        async with asyncio.timeout(20):
            while True:
                if await self.transport.count(queue) == number:
                    return
                await asyncio.sleep(0.02)  # nothing tells of it: not in a tight loop

    async def call(self, name: str, *arguments: str) -> Finished:
        """Run a command."""
        line = ("dead-letters", name, PATCH.name, *arguments, "--url", self._url)
        return await asyncio.to_thread(command, *line)

    async def listed(self) -> list[dict[str, Any]]:
        """What the command lists."""
        ended = await self.call("list", "--jsonl")
        assert (ended.code, ended.err) == (0, "")
        return [json.loads(line) for line in ended.out.splitlines()]

    async def forge(self, *letters: tuple[bytes, Envelope]) -> None:
        """Put something among the dead letters, which nobody gave up."""
        await self.transport.declare(dead_letter_topology(self.configuration, PATCH))
        before = len(self.seen.confirmed_numbers)
        self.transport.publish(
            [
                Publication(before + number, "", LETTERS, body, envelope)
                for number, (body, envelope) in enumerate(letters, start=1)
            ]
        )
        await self.seen.until(
            lambda: len(self.seen.confirmed_numbers) == before + len(letters), timeout=60
        )


@pytest.fixture
async def make_fleet(vhost: Vhost) -> AsyncIterator[Callable[[str], Any]]:
    async with AsyncExitStack() as stack:

        async def make(kind: str) -> Fleet:
            servers = await stack.enter_async_context(AsyncExitStack())
            fleet = Fleet(vhost.configuration(durable_queues=kind), vhost.url, servers)
            stack.enter_context(fleet.api)
            await fleet.transport.open()
            stack.push_async_callback(fleet.transport.close)
            return fleet

        yield make


@pytest.fixture(params=["quorum", "classic"])
async def fleet(make_fleet: Callable[[str], Any], request: pytest.FixtureRequest) -> Any:
    return await make_fleet(request.param)


@pytest.fixture
async def quorum(make_fleet: Callable[[str], Any]) -> Any:
    return await make_fleet("quorum")


async def test_what_a_service_rejects_is_listed(fleet: Fleet) -> None:
    await fleet.start("web01")
    before = datetime.now(UTC).replace(microsecond=0)
    ids = [await fleet.send("production", {"type": "upgrade", "n": n}) for n in range(3)]
    await fleet.counts(LETTERS, 3)

    looks = [await fleet.listed() for _ in range(3)]

    assert [each["command"] for each in looks[0]] == ids
    assert len({each["id"] for each in looks[0]}) == 3
    first = looks[0][0]
    assert before <= datetime.fromisoformat(first["died"]) <= datetime.now(UTC)
    assert (first["reason"], first["type"]) == ("rejected", "upgrade")
    assert first["server"] == "web01.example.org"
    assert (first["routing_key"], first["user"]) == ("production", "guest")
    assert first["queue"] == "baton-patch.web01.example.org.patch"
    assert looks[0] == looks[1] == looks[2]


async def test_show(fleet: Fleet) -> None:
    await fleet.start("web01")
    id_of_command = await fleet.send("production", {"type": "upgrade", "a": {"b": [1, "é"]}})
    await fleet.counts(LETTERS, 1)
    ended = await fleet.call("show", id_of_command[:10])
    assert (ended.code, ended.err) == (0, "")
    assert f"\ncommand       {id_of_command}\n" in ended.out
    assert '\nbaton-target: ["production"]\n' in ended.out
    assert ended.out.endswith(
        '\n\n{\n  "type": "upgrade",\n  "a": {\n    "b": [\n      1,\n      "é"\n    ]\n  }\n}\n'
    )
    (document,) = json.loads((await fleet.call("show", id_of_command, "--json")).out)
    assert document["body"] == {"type": "upgrade", "a": {"b": [1, "é"]}}
    assert document["headers"]["x-death"][0]["reason"] == "rejected"


async def test_the_server_that_gave_it_up_alone_does_it_again(fleet: Fleet) -> None:
    web01, web02 = await fleet.start("web01"), await fleet.start("web02")
    first = await fleet.send("production", {"type": "upgrade", "n": 1})
    await fleet.counts(LETTERS, 2)
    web01.broken = web02.broken = False
    letter = next(each for each in await fleet.listed() if each["server"] == "web02.example.org")

    ended = await fleet.call("retry", letter["id"], "--expires", "600")

    message = await web02.does()
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        f"{letter['id']}  web02.example.org  upgrade  retried as {message.message_id}\n"
    )
    assert (dict(message), message.expires) == ({"type": "upgrade", "n": 1}, 600)
    assert (message.headers["baton-retry-of"], message.user_id) == (first, "guest")
    assert message.message_id != first
    assert [each["server"] for each in await fleet.listed()] == ["web01.example.org"]
    await fleet.send("production")
    await web01.does()
    assert len(web01.done) == 1


async def test_a_retry_that_dies_again_is_another_letter(fleet: Fleet) -> None:
    await fleet.start("web01")
    first = await fleet.send("production")
    await fleet.counts(LETTERS, 1)
    assert (await fleet.call("retry", "--all")).code == 0
    await fleet.counts(LETTERS, 1)
    (letter,) = await fleet.listed()
    assert letter["retry_of"] == first
    assert letter["command"] != first
    assert letter["routing_key"] == letter["queue"]


async def test_one_whose_queue_has_gone_stays(fleet: Fleet, vhost: Vhost) -> None:
    await fleet.start("web01")
    await fleet.start("web02")
    await fleet.send("web01.example.org")
    await fleet.counts(LETTERS, 1)
    await fleet.send("web02.example.org")
    await fleet.counts(LETTERS, 2)
    first, second = await fleet.listed()
    await fleet.stop()
    vhost.delete_queue(first["queue"])

    ended = await fleet.call("retry", "--all")

    assert ended.code == 1
    assert ended.err == (
        f"baton: {first['id']}  web01.example.org  upgrade: the queue of that server has gone, "
        "it stays\n"
    )
    assert ended.out.startswith(f"{second['id']}  web02.example.org  upgrade  retried as ")
    assert [each["id"] for each in await fleet.listed()] == [first["id"]]


async def test_the_expired_are_counted(fleet: Fleet) -> None:
    await fleet.start("web01")
    await fleet.stop()
    for _ in range(3):
        await fleet.send("production", expires=0.001)
    await fleet.counts(EXPIRED, 3)
    ended = await fleet.call("list")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "no dead letters; 3 commands expired within the last day\n"


async def test_drop(fleet: Fleet) -> None:
    await fleet.start("web01")
    ids = [await fleet.send("production") for _ in range(3)]
    await fleet.counts(LETTERS, 3)
    ended = await fleet.call("drop", ids[1])
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("  web01.example.org  upgrade  dropped\n")
    assert [each["command"] for each in await fleet.listed()] == [ids[0], ids[2]]
    assert (await fleet.call("drop", "--all")).code == 0
    await fleet.counts(LETTERS, 0)


def answered(word: str, *arguments: str) -> tuple[int, str]:
    """The exit code and the words of a command on a terminal, where its question is answered."""
    ours, theirs = pty.openpty()
    baton = str(Path(sys.executable).parent / "baton")
    with subprocess.Popen([baton, *arguments], stdin=theirs, stdout=theirs, stderr=theirs) as asks:
        os.close(theirs)
        written = bytearray()
        try:
            while part := os.read(ours, 65_536):
                written += part
                if written.endswith(b"[y/N]: "):
                    os.write(ours, f"{word}\n".encode())
        except OSError:  # its other end was closed
            pass
        code = asks.wait(30)
    os.close(ours)
    return code, written.decode()


async def test_drop_asks_on_a_terminal(quorum: Fleet, vhost: Vhost) -> None:
    await quorum.start("web01")
    await quorum.send("production")
    await quorum.counts(LETTERS, 1)
    line = ("dead-letters", "drop", "baton-patch", "--all", "--url", vhost.url)
    code, text = await asyncio.to_thread(answered, "n", *line)
    assert (code, "Nothing was dropped." in text) == (1, True)
    assert "Drop 1 dead letter of baton-patch: " in text
    await quorum.counts(LETTERS, 1)
    code, text = await asyncio.to_thread(answered, "y", *line)
    assert (code, "dropped" in text) == (0, True)
    await quorum.counts(LETTERS, 0)


async def test_two_at_once(fleet: Fleet) -> None:
    await fleet.forge((b'{"type":"x"}', Envelope(message_id="m1", persistent=True)))
    async with DeadLetters(fleet.configuration, PATCH) as dead:
        found = [letter async for letter in dead.letters()]
        for name in ("list", "retry", "drop"):
            ended = await fleet.call(name, *(["--all"] if name != "list" else []))
            assert (ended.code, ended.out) == (1, "")
            assert ended.err.startswith(
                "baton: Somebody else is looking at the dead letters of baton-patch (they hold "
            )
    assert [each["id"] for each in await fleet.listed()] == [found[0].id]


async def test_letters_that_were_made_up(fleet: Fleet) -> None:
    deep: Any = "end"
    for _ in range(50):
        deep = [{"x": deep}]
    tables: list[dict[str, Any]] = [
        {},
        {"x-death": "no"},
        {"x-death": [1, "x", {"queue": 7, "time": "now", "reason": []}]},
        {"x-first-death-queue": "baton-patch.dead-letters", "x-first-death-reason": "\x1b[2J"},
        {"x-first-death-queue": "baton-patch." + "w" * 300, "baton-sender": bytearray(b"\xff\x1b")},
        {"x-death": [{"time": datetime(1970, 1, 2, tzinfo=UTC)}], "d": Decimal("1.5"), "f": 1.5},
        {"deep": deep, "baton-target": {"a": None}, "baton-where": 7, "\x1b": "\x07"},
    ]
    await fleet.forge(
        *((b"\xff\x00\x1b[2J" * 10_000, Envelope(message_id="\x1b]0;x", headers=t)) for t in tables)
    )
    listed = await fleet.call("list")
    assert (listed.code, listed.err) == (0, "")
    assert len(listed.out.splitlines()) == len(tables) + 2
    assert len(listed.out) < 3000
    shown = await fleet.call("show", "\x1b]0;x")
    assert (shown.code, shown.err) == (0, "")
    assert all(line.isprintable() for line in (listed.out + shown.out).splitlines())
    retried = await fleet.call("retry", "--all")
    assert (retried.code, retried.out) == (1, "")
    assert retried.err.count("it does not say in which server's queue it died, it stays") == 7
    assert len(json.loads((await fleet.call("show", "\x1b]0;x", "--json")).out)) == len(tables)


async def test_a_thousand_of_them_are_in_order(fleet: Fleet) -> None:
    numbers = [f"{number:04}" for number in range(1000)]
    body = json.dumps({"type": "x", "a": "a" * 16_000}).encode()
    await fleet.forge(*((body, Envelope(message_id=n, persistent=True)) for n in numbers))
    for _ in range(2):
        assert [each["command"] for each in await fleet.listed()] == numbers
    dropped = await fleet.call("drop", "--all")
    assert (dropped.code, len(dropped.out.splitlines())) == (0, 1000)
    await fleet.counts(LETTERS, 0)


async def test_no_durable_consumer_has_run(quorum: Fleet, vhost: Vhost) -> None:
    none = command("dead-letters", "list", "ping", "--url", vhost.url)
    assert (none.code, none.err) == (0, "")
    assert none.out == "no dead letters; no durable consumer of baton-ping has run on this vhost\n"
    unknown = await quorum.call("list")
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err.startswith("baton: The extension baton-patch is not installed: ")


def test_the_broker_is_away() -> None:
    ended = command("dead-letters", "list", "ping", "--url", "amqp://127.0.0.1:1")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("baton: No broker could be reached: 127.0.0.1:1")
