"""Servers that are made up: who they are, how they behave, and that they share what they can."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from baton import (
    Collector,
    Configuration,
    Consumer,
    Extension,
    Message,
    Monitor,
    Server,
    Service,
    State,
)
from baton.command import Requester
from baton.link import Phase
from baton.simulation import (
    Character,
    Mixture,
    SimulatedConsumer,
    Simulation,
    made_up_servers,
)
from baton.transports import (
    Exchange,
    Topology,
    Transport,
    TransportListener,
    open_transport,
)
from baton.transports.memory import MemoryPublisher, MemoryTransport, memory_broker
from baton.where import parse

ECHO = Extension("baton-echo", service=f"{__name__}:EchoService")
NOTHING_SPECIAL = Mixture()
WEB01 = Server("web01.example.org", "production", ("shop",))


class Echo(Consumer):
    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    @property
    def attributes(self) -> dict[str, Any]:
        return self.server.attributes

    async def process_message(self, message: Message) -> None:
        self.notify({"type": "echo"})


class BlockingEcho(Echo):
    def process_message(self, message: Message) -> None:  # type: ignore[override]
        self.notify({"type": "echo"})


class EchoService(Service):
    extension = ECHO.name

    def setup_consumers(self) -> None:
        self.add_consumer(Echo("echo", self.server))


class Heard:
    """Keeps what a consumer notifies."""

    def __init__(self, consumer: Consumer) -> None:
        self.types: list[str] = []
        consumer.add_observer(self)

    def update(self, message: Any) -> None:
        self.types.append(message["type"])


@pytest.fixture
async def simulate(
    memory_url: str,
) -> AsyncIterator[Callable[..., Awaitable[Simulation]]]:
    """Starts a simulation of so many servers, and returns when all are ready."""
    simulations = []

    async def simulate(
        count: int, mixture: Mixture = NOTHING_SPECIAL, **settings: Any
    ) -> Simulation:
        configuration = Configuration(rabbit_url=memory_url, **settings)
        servers = made_up_servers(count, ["production"])
        simulation = Simulation(
            configuration, ECHO, zip(servers, mixture.characters(count, 1), strict=True)
        )
        ready = asyncio.Event()
        simulation.watch(lambda state: ready.set() if state.phase is Phase.READY else None)
        simulations.append(simulation)
        await simulation.start()
        await asyncio.wait_for(ready.wait(), 10)
        return simulation

    yield simulate
    for simulation in simulations:
        await simulation.stop(0)


class Hearing(Monitor):
    """Hears what servers say to everybody."""

    extension = ECHO.name

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self.said: Counter[tuple[str, str]] = Counter()
        self.changed = asyncio.Event()

    def process_message(self, message: Message) -> None:
        self.said[message["fqdn"], message.type] += 1
        self.changed.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while self.said.total() < count:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
async def hear(memory_url: str) -> AsyncIterator[Callable[[], Awaitable[Hearing]]]:
    """Starts a monitor, and returns when it hears."""
    monitors = []

    async def hear() -> Hearing:
        monitor = Hearing(Configuration(rabbit_url=memory_url))
        monitors.append(monitor)
        ready = asyncio.Event()
        await monitor.start(lambda state: ready.set() if state.phase is Phase.READY else None)
        await asyncio.wait_for(ready.wait(), 10)
        return monitor

    yield hear
    for monitor in monitors:
        await monitor.stop()


def publish(configuration: Configuration, where: str = "", splay: float = 0.0) -> None:
    """Send a command to all servers for which *where* holds."""
    requester = Requester.of(configuration, ECHO)
    conditions = [where] if where else []
    publications = requester.command({"type": "echo"}, "*", where=conditions, splay=splay)
    publisher = MemoryPublisher(memory_broker(configuration.endpoints[0].host))
    assert publisher.publish(publications, 1) == [None]


async def ask(configuration: Configuration, key: str, count: int) -> Counter[tuple[str, str]]:
    """What *count* servers said: who, and what type of output."""
    said: Counter[tuple[str, str]] = Counter()
    async with Collector(configuration, ECHO) as collector:
        await collector.send({"type": "echo"}, [key])
        async for reply in collector.replies(10):
            if reply.is_output:
                said[reply.fqdn, reply.message.type] += 1
            if said.total() == count:
                break
    return said


def test_made_up_servers_have_names_environments_and_applications_of_their_own() -> None:
    servers = list(made_up_servers(7, ["production", "staging"], prefix="eu"))
    assert [server.fqdn for server in servers][:2] == ["eu00001.example.org", "eu00002.example.org"]
    assert len({server.fqdn for server in servers}) == 7
    assert [server.environment for server in servers[:3]] == ["production", "staging", "production"]
    assert len({server.app_names for server in servers}) > 2


def test_made_up_servers_differ_in_their_facts() -> None:
    servers = list(made_up_servers(200, ["production"]))
    assert len({server.facts["ipaddress"] for server in servers}) == 200
    assert all(server.facts["fqdn"] == server.fqdn for server in servers)
    for condition in (
        "platform=debian",
        "platform_version<9.10",
        "cpus>=8",
        "memory>=16G",
        "container",
        "machine=aarch64",
    ):
        where = parse([condition])
        assert 0 < sum(where.matches(server) for server in servers) < 200
    again = made_up_servers(200, ["production"])
    assert [server.facts for server in servers] == [server.facts for server in again]


def test_a_mixture_has_exactly_the_shares_that_it_says() -> None:
    characters = Mixture(slow=0.1, failing=0.25, latency=0.02).characters(40, seed=1)
    assert len(characters) == 40
    assert sum(each.failures == 1 for each in characters) == 10
    assert sum(each.pause[0] >= 0.5 for each in characters) == 4
    assert {each.pause for each in characters} == {(0.01, 0.03), (0.51, 2.03)}
    assert Mixture(slow=0.5).characters(40, 1) == Mixture(slow=0.5).characters(40, 1)
    assert Mixture(slow=0.5).characters(40, 1) != Mixture(slow=0.5).characters(40, 2)


async def test_each_server_answers_once(simulate: Callable[..., Awaitable[Simulation]]) -> None:
    simulation = await simulate(120)
    assert simulation.state.phase is Phase.READY
    said = await ask(simulation.configuration, "production", 120)
    assert said == {(server.fqdn, "echo"): 1 for server, _ in simulation.servers}


async def test_servers_share_connections_and_have_each_a_queue(
    simulate: Callable[..., Awaitable[Simulation]],
    memory_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []

    def count(*arguments: Any) -> Transport:
        opened.append(arguments[-1])
        return open_transport(*arguments)

    monkeypatch.setattr("baton.link.open_transport", count)
    await simulate(60)
    assert len(opened) == 2
    assert len(memory_broker(memory_url.removeprefix("memory://")).queues) == 60


async def test_only_those_that_are_meant_answer(
    simulate: Callable[..., Awaitable[Simulation]], hear: Callable[[], Awaitable[Hearing]]
) -> None:
    simulation = await simulate(60)
    monitor = await hear()
    publish(simulation.configuration, where="platform=rocky")
    publish(
        simulation.configuration, where="fqdn=sim00001.*"
    )  # whoever is not meant is done by now
    rocky = {server.fqdn for server, _ in simulation.servers if server.facts["platform"] == "rocky"}
    await monitor.until(len(rocky) + 1)
    assert monitor.said == Counter([(fqdn, "echo") for fqdn in [*rocky, "sim00001.example.org"]])


async def test_a_thousand_answer_within_their_splay(
    simulate: Callable[..., Awaitable[Simulation]], hear: Callable[[], Awaitable[Hearing]]
) -> None:
    simulation = await simulate(1000)
    monitor = await hear()
    began = time.monotonic()
    publish(simulation.configuration, splay=2)
    await monitor.until(1000)
    assert time.monotonic() - began > 1.9  # of a thousand waits, the longest is nearly all of it
    assert set(monitor.said.values()) == {1}


async def test_what_waits_for_its_splay_is_answered_at_the_end(
    simulate: Callable[..., Awaitable[Simulation]],
    hear: Callable[[], Awaitable[Hearing]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("baton.consumer_manager.draw", lambda splay: 3600.0 if splay else 0.0)
    simulation = await simulate(10)
    monitor = await hear()
    publish(simulation.configuration, splay=3600)
    publish(simulation.configuration, where="fqdn=sim00001.*")
    await monitor.until(1)
    assert not await simulation.stop()
    await monitor.until(11)
    assert Counter(kind for _, kind in monitor.said.elements()) == {"echo": 1, "error": 10}


async def test_some_fail(simulate: Callable[..., Awaitable[Simulation]]) -> None:
    simulation = await simulate(20, Mixture(failing=0.25))
    said = await ask(simulation.configuration, "*", 20)
    assert Counter(kind for _, kind in said) == {"echo": 15, "error": 5}


async def test_stopping_hurries_those_that_are_slow(
    simulate: Callable[..., Awaitable[Simulation]],
) -> None:
    simulation = await simulate(4, Mixture(latency=600))
    async with Collector(simulation.configuration, ECHO) as collector:
        await collector.send({"type": "echo"}, ["production"])
        assert not await asyncio.wait_for(simulation.stop(), 5)
        answered = 0
        async for reply in collector.replies(5):
            answered += reply.is_output
            if answered == 4:
                break
    assert answered == 4


async def test_the_pulses_of_many_servers_spread_and_mend_all(
    simulate: Callable[..., Awaitable[Simulation]], memory_url: str
) -> None:
    simulation = await simulate(60, pulse=0.1)
    broker = memory_broker(memory_url.removeprefix("memory://"))
    broker.delete_exchange("baton_echo_in")
    other = MemoryTransport(broker, TransportListener())
    await other.open()
    await other.declare(Topology([Exchange("baton_echo_in")]))
    rounds: asyncio.Queue[None] = asyncio.Queue()
    simulation.watch_pulse(lambda: rounds.put_nowait(None))
    for _ in range(8):  # slices of 25, and both links: all three slices have had their pulse
        await asyncio.wait_for(rounds.get(), 5)
    assert len(await ask(simulation.configuration, "production", 60)) == 60
    await other.close()


async def test_its_state_is_logged_in_a_line(
    simulate: Callable[..., Awaitable[Simulation]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "baton.simulation")
    await simulate(30)
    ready = [record.getMessage() for record in caplog.records if "ready" in record.getMessage()]
    assert len(ready) == 1
    assert ready[0].startswith("baton-echo, 30 simulated servers: ready since ")


async def test_a_service_without_a_channel_of_its_own_is_not_stopped_by_itself(
    simulate: Callable[..., Awaitable[Simulation]], memory_url: str
) -> None:
    simulation = await simulate(2)
    (channel,) = simulation._channels
    guest = EchoService(simulation.configuration, WEB01)
    guest.share(channel)
    states: list[State] = []
    guest.watch(states.append)
    assert guest.channel is channel
    assert not await guest.stop()
    assert channel.state.phase is Phase.READY


@pytest.mark.parametrize("kind", [Echo, BlockingEcho])
async def test_a_silent_server_answers_again(kind: type[Consumer]) -> None:
    consumer = SimulatedConsumer(kind("echo", WEB01), Character(silent=5))
    heard = Heard(consumer)
    answered = []
    for number in range(30):
        result = consumer.process_message(Message({"type": "echo"}))
        if result is not None:
            await result
        if heard.types:
            answered.append(number)
            heard.types.clear()
    assert answered == [0, 1, *range(7, 26)]


@pytest.mark.parametrize("kind", [Echo, BlockingEcho])
async def test_the_same_seed_fails_the_same_commands(kind: type[Consumer]) -> None:
    async def failures(seed: int) -> list[int]:
        character = Character((0.0, 0.0001), 0.5, OSError, "no space")
        consumer = SimulatedConsumer(kind("echo", WEB01), character, seed)
        failed = []
        for number in range(40):
            try:
                result = consumer.process_message(Message({"type": "echo"}))
                if result is not None:
                    await result
            except OSError:
                failed.append(number)
        return failed

    assert 10 < len(await failures(1)) < 30
    assert await failures(1) == await failures(1) != await failures(2)


def test_a_simulated_consumer_is_asked_as_the_other_is() -> None:
    for kind in (Echo, BlockingEcho):
        inner = kind("echo", WEB01)
        consumer = SimulatedConsumer(inner, Character())
        assert consumer.routing_key == inner.routing_key
        assert consumer.routing_keys == inner.routing_keys
        assert consumer.attributes == inner.attributes
        assert consumer.blocking == inner.blocking
        assert consumer.observers is inner.observers
        assert consumer.consumer_name == "echo"
        assert consumer.server is WEB01


@pytest.mark.parametrize("kind", [Echo, BlockingEcho])
async def test_all_that_wait_are_hurried(kind: type[Consumer]) -> None:
    consumer = SimulatedConsumer(kind("echo", WEB01), Character((600, 600)))
    heard = Heard(consumer)

    async def process() -> None:
        result = await asyncio.to_thread(consumer.process_message, Message({"type": "echo"}))
        if result is not None:
            await result

    waiting = [asyncio.ensure_future(process()) for _ in range(3)]
    await asyncio.sleep(0)
    consumer.hurry()
    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert heard.types == ["echo"] * 3


async def test_nothing_is_logged_of_what_they_say(
    simulate: Callable[..., Awaitable[Simulation]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    simulation = await simulate(2)
    await ask(simulation.configuration, "production", 2)
    assert not [record for record in caplog.records if hasattr(record, "baton_output")]
