"""The queues of durable commands, and their names."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from baton.command import Requester
from baton.configuration import Configuration
from baton.consumer import Consumer
from baton.durable import (
    LONGEST_QUEUE,
    NET,
    dead_exchange,
    dead_letter_topology,
    dead_letters,
    durable_queue,
    expired,
    queue_name,
)
from baton.errors import ConfigurationError, Reject, Unroutable
from baton.extension import Extension
from baton.link import Phase
from baton.message import INSTANCE_HEADER, Envelope, Message
from baton.server import Server
from baton.service import Service
from baton.testing import Harness
from baton.testing.reader import AsyncReader
from baton.transports import Binding, Delivery
from baton.transports.memory import MemoryBroker, MemoryPublisher, memory_broker

PATCH = Extension("baton-patch")
QUEUE = "baton-patch.web01.example.org.patch"
SETTINGS = Configuration(rabbit_url="memory://durable")


def test_names() -> None:
    assert queue_name(PATCH, "web01.example.org", "patch") == "baton-patch.web01.example.org.patch"
    assert dead_letters(PATCH) == "baton-patch.dead-letters"
    assert expired(PATCH) == "baton-patch.expired"
    assert dead_exchange(SETTINGS, PATCH).name == "baton_patch_in_dead"
    assert dead_exchange(Configuration(exchange="mine", interop=True), PATCH).name == "mine_dead"


def test_a_name_may_be_as_long_as_the_tag_of_its_consumer_allows() -> None:
    room = LONGEST_QUEUE - len("baton-patch..")
    assert len(queue_name(PATCH, "f" * (room - 5), "patch")) == LONGEST_QUEUE
    with pytest.raises(
        ConfigurationError, match=r'durable queue.*"baton-patch\.f+.*1 to 245 bytes'
    ):
        queue_name(PATCH, "f" * (room - 4), "patch")


def test_an_exchange_whose_name_leaves_no_room() -> None:
    with pytest.raises(ConfigurationError, match=r'EXCHANGE is too long.*"eee.*255 bytes'):
        dead_exchange(Configuration(exchange="e" * 251), PATCH)
    assert len(dead_exchange(Configuration(exchange="e" * 250), PATCH).name) == 255


@pytest.mark.parametrize("interop", [False, True])
def test_the_durable_queue(interop: bool) -> None:
    settings = Configuration(durable_for=700_000.5, interop=interop)
    queue = durable_queue(settings, PATCH, "q")
    assert (queue.name, queue.durable, queue.exclusive) == ("q", True, False)
    assert queue.arguments == {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
        "x-expires": 700_000_500,
        "x-dead-letter-exchange": "baton_patch_in_dead",
        "x-consumer-timeout": 1_209_600_000,
        "x-delivery-limit": NET,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def test_a_classic_queue_counts_nothing() -> None:
    settings = Configuration(durable_queues="classic")
    assert "x-delivery-limit" not in durable_queue(settings, PATCH, "q").arguments
    letters = dead_letter_topology(settings, PATCH).queues[0]
    assert letters.arguments["x-queue-type"] == "classic"
    assert "x-delivery-limit" not in letters.arguments


def test_the_queues_do_not_depend_on_what_is_changed_often() -> None:
    """Or the broker would refuse the queue that is there."""
    changed = Configuration(handler_timeout=9, expires=9, delivery_limit=9, prefetch=9)
    assert durable_queue(changed, PATCH, "q") == durable_queue(SETTINGS, PATCH, "q")
    assert dead_letter_topology(changed, PATCH) == dead_letter_topology(SETTINGS, PATCH)


def test_letters_are_kept_and_the_expired_are_counted() -> None:
    topology = dead_letter_topology(SETTINGS, PATCH)
    (exchange,) = topology.exchanges
    letters, counted = topology.queues
    assert (exchange.name, exchange.kind, exchange.durable) == (
        "baton_patch_in_dead",
        "headers",
        True,
    )
    assert letters.arguments == {
        "x-queue-type": "quorum",
        "x-max-length": 10_000,
        "x-max-length-bytes": 67_108_864,
        "x-delivery-limit": -1,
    }
    assert counted.arguments == {
        "x-queue-type": "classic",
        "x-max-length": 10_000,
        "x-message-ttl": 86_400_000,
    }
    assert {
        (binding.queue, binding.exchange, binding.arguments["x-first-death-reason"])
        for binding in topology.bindings
    } == {
        (letters.name, exchange.name, "rejected"),
        (letters.name, exchange.name, "delivery_limit"),
        (counted.name, exchange.name, "expired"),
    }
    assert {binding.arguments["x-match"] for binding in topology.bindings} == {"all-with-x"}


def test_a_server_without_a_name_has_no_durable_queue() -> None:
    with pytest.raises(ConfigurationError, match="set FQDN"):
        queue_name(PATCH, "", "patch")


# A durable consumer, on a broker in memory


class Patch(Consumer):
    """Remembers what it was asked, and does as the command says."""

    durable = True
    runs: ClassVar[list[tuple[str, int]]] = []
    began: ClassVar[asyncio.Event]

    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    @property
    def attributes(self) -> dict[str, Any]:
        return self.server.attributes

    async def process_message(self, message: Message) -> None:
        self.runs.append((message["n"], message.delivery_count))
        self.began.set()
        if message.type == "reject":
            raise Reject("there is no such package")
        if message.type == "hang":
            await asyncio.Event().wait()
        self.notify_success(message["n"])


class PatchService(Service):
    extension = PATCH.name
    consumers = 1

    def setup_consumers(self) -> None:
        for _ in range(self.consumers):
            self.add_consumer(Patch("patch", self.server))


class World:
    """A broker in memory, who sends, and services that come and go."""

    def __init__(self, **settings: Any) -> None:
        name = secrets.token_hex(4)
        self.broker = memory_broker(name)
        self.configuration = Configuration(
            rabbit_url=f"memory://{name}", pulse=0.1, reconnect_max=0.1, **settings
        )
        self.requester = Requester.of(self.configuration, PATCH)
        self.publisher = MemoryPublisher(self.broker)

    def send(self, n: str, type: str = "patch", key: str = "web01.example.org", **how: Any) -> None:
        publications = self.requester.command({"type": type, "n": n}, key, **how)
        for outcome in self.publisher.publish(publications, 1):
            if outcome is not None:
                raise outcome

    def waiting(self, queue: str) -> int | None:
        return self.broker.count(f"baton-patch.{queue}")

    @asynccontextmanager
    async def harness(self) -> AsyncIterator[Harness]:
        async with Harness(self.configuration) as harness:
            yield harness

    async def visit(self) -> None:
        """A service comes, so that its queue is there, and goes."""
        async with self.harness() as harness:
            await harness.start(PatchService, "web01.example.org")


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    Patch.runs.clear()
    Patch.began = asyncio.Event()


@pytest.fixture(params=["quorum", "classic"])
def world(request: pytest.FixtureRequest) -> World:
    return World(durable_queues=request.param)


async def said(reader: AsyncReader[Any], number: int) -> list[Message]:
    return [await reader.next() for _ in range(number)]


async def test_what_is_sent_while_it_is_away_is_done_when_it_is_back(world: World) -> None:
    await world.visit()
    for n in "abc":
        world.send(n)
    world.broker.stop()
    world.broker.start()
    assert world.waiting("web01.example.org.patch") == 3
    async with world.harness() as harness:
        reader = await harness.monitor(PATCH.name)
        await harness.start(PatchService, "web01.example.org")

        outputs = await said(reader, 3)
    assert [output["message"] for output in outputs] == ["a", "b", "c"]
    assert Patch.runs == [("a", 0), ("b", 0), ("c", 0)]
    assert world.waiting("web01.example.org.patch") == 0


async def test_interop_binds_it_anew() -> None:
    world = World(interop=True)
    await world.visit()
    world.send("before")
    world.broker.stop()
    world.broker.start()
    assert world.broker.bindings == {
        ("baton_patch_in_dead", "", "baton-patch.dead-letters"),
        ("baton_patch_in_dead", "", "baton-patch.expired"),
    }
    async with world.harness() as harness:
        reader = await harness.monitor(PATCH.name)
        await harness.start(PatchService, "web01.example.org")
        await said(reader, 1)
        world.send("after")
        await said(reader, 1)
    assert [n for n, _ in Patch.runs] == ["before", "after"]


async def test_what_is_rejected_is_a_dead_letter(world: World) -> None:
    async with world.harness() as harness:
        await harness.start(PatchService, "web01.example.org")
        (reply,) = await harness.ask({"type": "reject", "n": "x"}, "web01.example.org")
    assert reply.message["error_class"] == "Reject"
    assert (world.waiting("dead-letters"), world.waiting("web01.example.org.patch")) == (1, 0)


async def test_what_is_not_started_waits_again(world: World) -> None:
    async with world.harness() as harness:
        service = await harness.start(PatchService, "web01.example.org")
        world.send("splayed", splay=3600)
        world.send("behind")
        await harness.stop(service)
        assert world.waiting("web01.example.org.patch") == 2
    assert Patch.runs == []


async def test_a_poisoned_command_is_given_up_and_reported_once() -> None:
    world = World(delivery_limit=2)
    async with world.harness() as harness:
        reader = await harness.monitor(PATCH.name)
        for attempt in range(2):
            Patch.began.clear()
            service = await harness.start(PatchService, "web01.example.org")
            if not attempt:
                world.send("poison", "hang")
                world.send("good")
            await asyncio.wait_for(Patch.began.wait(), 5)
            assert (await harness.stop(service, 0)).commands
        await harness.start(PatchService, "web01.example.org")
        error, good = await said(reader, 2)
    assert Patch.runs == [("poison", 0), ("poison", 1), ("good", 0)]
    assert error["error_class"] == "DeliveryLimitReached"
    assert "delivered 2 times" in error["error_message"]
    assert good["message"] == "good"
    assert (world.waiting("dead-letters"), world.waiting("web01.example.org.patch")) == (1, 0)


@pytest.mark.parametrize(("kind", "runs"), [("quorum", [("x", 49)]), ("classic", [("x", 0)] * 2)])
async def test_what_a_queue_does_not_count_is_not_believed(
    kind: str, runs: list[tuple[str, int]]
) -> None:
    """A client can say anything in the header in which a quorum queue says it."""
    world = World(durable_queues=kind, delivery_limit=50)
    async with world.harness() as harness:
        service = await harness.start(PatchService, "web01.example.org")
        body, key = b'{"type":"patch","n":"x"}', "web01.example.org"
        delivery = Delivery(QUEUE, 1, None, key, body, Envelope("m"), True, time.monotonic(), 50)
        service.channel._inbound.delivered([replace(delivery, delivery_count=49)])
        service.channel._inbound.delivered([replace(delivery, envelope=Envelope("n"))])
        (manager,) = service.channel.managers
        await asyncio.wait_for(manager.drain(), 5)
    assert Patch.runs == runs


async def test_another_process_of_the_same_server_stands_by(world: World) -> None:
    async with world.harness() as harness:
        reader = await harness.monitor(PATCH.name)
        first = await harness.start(PatchService, "web01.example.org")
        await harness.start(PatchService, "web01.example.org")
        for n in "abcd":
            world.send(n)
        instances = {output.headers[INSTANCE_HEADER] for output in await said(reader, 4)}
        assert instances == {first.instance}
        await harness.stop(first)
        world.send("e")
        await said(reader, 1)
    assert [n for n, _ in Patch.runs] == list("abcde")


async def test_what_expires_is_counted_and_not_kept(world: World) -> None:
    await world.visit()
    world.send("late", expires=1e-9)
    assert world.waiting("expired") == 1
    assert (world.waiting("dead-letters"), world.waiting("web01.example.org.patch")) == (0, 0)


async def test_a_key_that_it_listened_on_once_is_unbound(world: World) -> None:
    async with world.harness() as harness:
        await harness.start(PatchService, "web01.example.org", environment="staging")
    world.send("stale", key="staging")
    async with world.harness() as harness:
        reader = await harness.monitor(PATCH.name)
        service = await harness.start(PatchService, "web01.example.org", environment="production")
        world.send("fresh", key="production")
        await said(reader, 1)
        pulse = asyncio.Event()
        service.watch_pulse(pulse.set)
        async with asyncio.timeout(5):
            while ("baton_patch_in", "staging", QUEUE) in world.broker.bindings:
                pulse.clear()
                await pulse.wait()
    assert Patch.runs == [("fresh", 0)]
    with pytest.raises(Unroutable):
        world.send("nobody", key="staging")


def remember_unbound(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that are unbound from now on."""
    keys: list[str] = []
    unbind = MemoryBroker.unbind

    def noted(broker: MemoryBroker, binding: Binding) -> None:
        keys.append(binding.key)
        unbind(broker, binding)

    monkeypatch.setattr(MemoryBroker, "unbind", noted)
    return keys


async def next_pulses(service: Service, number: int) -> None:
    pulse = asyncio.Event()
    service.watch_pulse(pulse.set)
    for _ in range(number):
        pulse.clear()
        await asyncio.wait_for(pulse.wait(), 5)


async def test_a_key_that_it_listens_on_again_stays_bound(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbound = remember_unbound(monkeypatch)
    async with world.harness() as harness:
        reader = await harness.monitor(PATCH.name)
        service = await harness.start(PatchService, "web01.example.org", environment="staging")
        (manager,) = service.channel.managers
        manager.consumer.server = Server("web01.example.org", "production")
        world.send("stale", key="staging")
        world.send("fresh")
        await said(reader, 1)
        manager.consumer.server = Server("web01.example.org", "staging")
        await next_pulses(service, 2)
        assert unbound == []
        world.send("back", key="staging")
        await said(reader, 1)
    assert [n for n, _ in Patch.runs] == ["fresh", "back"]


async def test_however_many_keys_nobody_listens_on_a_pulse_has_an_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever may publish can name any key beside the one that it is delivered by."""
    world = World()
    unbound = remember_unbound(monkeypatch)
    async with world.harness() as harness:
        service = await harness.start(PatchService, "web01.example.org")
        for number in range(500):  # within one turn of the loop: no pulse is in between
            key, envelope = f"made.up.{number}", Envelope()
            service.channel._inbound.unbind(
                Delivery(QUEUE, number, None, key, b"{}", envelope, False, 0.0)
            )
        await next_pulses(service, 3)
    assert len(unbound) == 100
    assert caplog.text.count("nobody listens on") == 100


async def test_a_dead_letter_that_is_tried_again_comes_straight_to_its_queue(world: World) -> None:
    async with world.harness() as harness:
        reader = await harness.monitor(PATCH.name)
        await harness.start(PatchService, "web01.example.org")
        (command,) = world.requester.command({"type": "patch", "n": "again"}, "production")
        (outcome,) = world.publisher.publish(
            [replace(command, exchange="", routing_key=QUEUE)], timeout=5
        )
        assert outcome is None
        (output,) = await said(reader, 1)
    assert output["message"] == "again"


async def test_another_type_of_queue_than_the_one_that_is_there() -> None:
    world = World()
    await world.visit()
    settings = world.configuration.model_copy(update={"durable_queues": "classic"})
    service = PatchService(settings, Server("web01.example.org", "production"))
    refused = asyncio.Event()
    await service.start()
    service.watch(lambda state: refused.set() if "x-queue-type" in state.reason else None)
    await asyncio.wait_for(refused.wait(), 5)
    assert service.channel.state.phase is Phase.DISCONNECTED
    await service.stop(0)


async def test_two_durable_consumers_of_one_name() -> None:
    class Two(PatchService):
        consumers = 2

    service = Two(World().configuration, Server("web01.example.org", "production"))
    with pytest.raises(ConfigurationError, match=r'web01\.example\.org have the name "patch"'):
        await service.start()
    await service.stop(0)
