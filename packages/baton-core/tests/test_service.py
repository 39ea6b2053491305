"""A service, its channel and its links, on a broker in memory that the tests break."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from baton import (
    Collector,
    Configuration,
    Consumer,
    Message,
    Monitor,
    Server,
    Service,
    State,
)
from baton.backoff import Backoff
from baton.channel import Channel
from baton.cli.log import setup_logging
from baton.command import Requester
from baton.errors import BatonError, ConfigurationError, NotPermitted, Unroutable
from baton.extension import Extension
from baton.link import Phase
from baton.message import Envelope, encode_body
from baton.pace import Pace
from baton.transports import (
    Binding,
    Delivery,
    Exchange,
    Publication,
    Queue,
    Topology,
    TransportListener,
)
from baton.transports.memory import MemoryBroker, MemoryPublisher, MemoryTransport, memory_broker

SERVER = Server("web01.example.org", "production", ("shop",))
EXTENSION = Extension("baton-echo")


class Echo(Consumer):
    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    @property
    def attributes(self) -> dict[str, Any]:
        return self.server.attributes

    async def process_message(self, message: Message) -> None:
        self.notify({"type": "echo", "of": message["n"]})


class EchoService(Service):
    extension = EXTENSION.name
    consumer: type[Consumer] = Echo

    def setup_consumers(self) -> None:
        self.add_consumer(self.consumer("echo", self.server))


class Collecting(Monitor):
    """Keeps what it reads."""

    extension = EXTENSION.name

    def __init__(self, configuration: Configuration, instance: str | None = None) -> None:
        super().__init__(configuration, instance)
        self.messages: list[Message] = []
        self.malformed: list[bytes] = []
        self.changed = asyncio.Event()
        self.watchers: list[Callable[[State], None]] = []

    def process_message(self, message: Message) -> None:
        self.messages.append(message)
        self.changed.set()
        if message.get("of") == "poison":
            raise ValueError("the monitor does not like it")

    def process_malformed(self, raw: bytes, error: BatonError) -> None:
        self.malformed.append(raw)
        self.changed.set()

    async def until(self, condition: Callable[[], object], timeout: float = 5) -> None:
        async with asyncio.timeout(timeout):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    @property
    def seen(self) -> list[Any]:
        return [message["of"] for message in self.messages if message.type == "echo"]


async def reach(
    get: Callable[[], State], watch: Callable[[Callable[[State], None]], None], phase: Phase
) -> State:
    """Wait until the state is *phase*."""
    reached = asyncio.Event()
    watch(lambda state: reached.set() if state.phase is phase else None)
    async with asyncio.timeout(5):
        while get().phase is not phase:
            reached.clear()
            await reached.wait()
    return get()


class World:
    """A broker in memory, a service and a monitor on it, and a requester."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(4)
        self.broker: MemoryBroker = memory_broker(self.name)
        self.configuration = self.configure()
        self.requester = Requester.of(self.configuration, EXTENSION)
        self.publisher = MemoryPublisher(self.broker)
        self.stops: list[Callable[[], Awaitable[object]]] = []

    def configure(self, **settings: Any) -> Configuration:
        settings = {"pulse": 0.1, "reconnect_max": 0.1, "deadline": 2, **settings}
        return Configuration(rabbit_url=f"memory://{self.name}", **settings)

    async def service(
        self,
        kind: type[Service] = EchoService,
        *,
        ready: bool = True,
        server: Server = SERVER,
        **settings: Any,
    ) -> Service:
        service = kind(self.configure(**settings), server)
        await service.start()
        self.stops.append(lambda: service.stop(0))
        if ready:
            await self.is_ready(service)
        return service

    async def is_ready(self, service: Service) -> State:
        return await reach(lambda: service.channel.state, service.watch, Phase.READY)

    async def monitor(self, instance: str | None = None, **settings: Any) -> Collecting:
        monitor = Collecting(self.configure(**settings), instance)
        watchers = monitor.watchers
        await monitor.start(lambda state: [each(state) for each in watchers])  # type: ignore[arg-type]
        self.stops.append(monitor.stop)
        await reach(lambda: monitor.state, watchers.append, Phase.READY)
        return monitor

    def send(self, n: Any, key: str = "production", splay: float = 0.0) -> str:
        publications = self.requester.command({"type": "echo", "n": n}, key, splay=splay)
        outcome = self.publisher.publish(publications, 1)[0]
        if outcome is not None:
            raise outcome
        return str(publications[0].envelope.message_id)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    for stop in world.stops:
        await stop()


async def test_answers_on_each_of_its_routing_keys(world: World) -> None:
    monitor = await world.monitor()
    await world.service()
    keys = ["production", "web01.example.org", "*", "shop.production"]
    ids = [world.send(key, key) for key in keys]
    await monitor.until(lambda: len(monitor.messages) == 4)
    assert monitor.seen == keys
    assert [message.correlation_id for message in monitor.messages] == ids
    with pytest.raises(Unroutable):
        world.send(1, "staging")


class Plain(Echo):
    """The same, in a thread."""

    def process_message(self, message: Message) -> None:  # type: ignore[override]
        self.notify({"type": "echo", "of": message["n"]})


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize("kind", [Echo, Plain])
async def test_what_is_logged_is_written_before_it_is_sent(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Consumer]
) -> None:
    file = tmp_path / "x.log"
    setup_logging("info", file)
    seen: list[tuple[str, int]] = []
    publish, acknowledge = MemoryTransport.publish, MemoryTransport.acknowledge

    def published(transport: MemoryTransport, publications: Sequence[Publication]) -> None:
        log = file.read_text()
        seen.extend(("output", each.body.decode() in log) for each in publications)
        publish(transport, publications)

    def acknowledged(transport: MemoryTransport, deliveries: Sequence[Delivery]) -> None:
        log = file.read_text()
        seen.extend(("command", str(each.envelope.message_id) in log) for each in deliveries)
        acknowledge(transport, deliveries)

    class Kind(EchoService):
        consumer = kind

    monitor = await world.monitor()
    await world.service(Kind)
    monkeypatch.setattr(MemoryTransport, "publish", published)
    monkeypatch.setattr(MemoryTransport, "acknowledge", acknowledged)
    for n in range(5):
        world.send(n)
    await monitor.until(lambda: len(monitor.messages) == 5)
    await asyncio.gather(*(stop() for stop in world.stops))
    told = [each for each in seen if each[0] == "output"]
    assert told == [("output", True)] * 5
    assert seen.count(("command", True)) == 5


@pytest.mark.parametrize(
    ("consumers", "order"), [(1, ["sent", "turn is over"]), (2, ["turn is over", "sent"])]
)
async def test_what_the_only_consumer_says_need_not_wait_for_what_others_do(
    world: World, monkeypatch: pytest.MonkeyPatch, consumers: int, order: list[str]
) -> None:
    happened: list[str] = []
    publish = MemoryTransport.publish

    def note(transport: MemoryTransport, publications: Sequence[Publication]) -> None:
        happened.append("sent")
        publish(transport, publications)

    class Telling(Echo):
        async def process_message(self, message: Message) -> None:
            asyncio.get_running_loop().call_soon(happened.append, "turn is over")
            await super().process_message(message)

    class Several(EchoService):
        def setup_consumers(self) -> None:
            self.add_consumer(Telling("echo", self.server))
            for number in range(1, consumers):
                self.add_consumer(Consumer(f"idle{number}", self.server))

    monitor = await world.monitor()
    await world.service(Several)
    monkeypatch.setattr(MemoryTransport, "publish", note)
    world.send(1)
    await monitor.until(lambda: monitor.seen == [1])
    assert happened == order


async def test_declares_durable_exchanges_an_exclusive_queue_and_a_consumer_timeout(
    world: World,
) -> None:
    service = await world.service(handler_timeout=90)
    assert set(world.broker.exchanges) == {Exchange("baton_echo_in"), Exchange("baton_echo_out")}
    (queue,) = world.broker.queues
    assert queue.name.startswith("baton-echo.web01.example.org.")
    assert queue.exclusive
    assert not queue.durable
    assert queue.arguments == {"x-queue-type": "classic", "x-consumer-timeout": 240_000}
    await service.stop()
    assert world.broker.queues == []


async def test_interop_declares_what_a_ruby_baton_declares(world: World) -> None:
    await world.service(interop=True)
    assert set(world.broker.exchanges) == {
        Exchange("baton_echo_in", durable=False),
        Exchange("baton_echo_out", durable=False),
    }


async def test_the_exchanges_may_be_named(world: World) -> None:
    await world.service(exchange="baton-foo_in", exchange_out="baton-foo_out")
    assert {exchange.name for exchange in world.broker.exchanges} == {
        "baton-foo_in",
        "baton-foo_out",
    }


async def test_is_ready_again_after_a_lost_connection_on_a_fresh_queue(world: World) -> None:
    monitor = await world.monitor()
    service = await world.service()
    before = {queue.name for queue in world.broker.queues}
    world.broker.disconnect()
    await reach(lambda: service.channel.state, service.watch, Phase.DISCONNECTED)
    await world.is_ready(service)
    names = {queue.name for queue in world.broker.queues}
    await monitor.until(lambda: True)
    assert not {name for name in before & names if name.startswith("baton-echo.")}
    await _answers(world, monitor)


async def test_the_connection_that_reaches_the_broker_first_ends_the_others_pause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient: list[Backoff] = []

    def pause(backoff: Backoff) -> float:
        patient[:] = patient or [backoff]
        return 600.0 if backoff is patient[0] else 0.01

    monkeypatch.setattr(Backoff, "next", pause)
    world.broker.stop()
    service = await world.service(ready=False)
    await reach(lambda: service.channel.state, service.watch, Phase.DISCONNECTED)
    world.broker.start()
    await world.is_ready(service)


async def test_waits_for_a_broker_that_is_away_and_says_so_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.broker.stop("connection refused")
    service = await world.service(ready=False)
    state = await reach(lambda: service.channel.state, service.watch, Phase.DISCONNECTED)
    assert "connection refused" in state.reason
    world.broker.start()
    await world.is_ready(service)
    lines = [r for r in caplog.records if r.name == "baton.link" and "refused" in r.getMessage()]
    assert len(lines) == 2  # one for each of the two links


async def test_consumes_again_on_the_same_queue_after_a_lost_channel(world: World) -> None:
    monitor = await world.monitor()
    service = await world.service()
    before = world.broker.queues
    world.broker.close_channels()
    await _answers(world, monitor)
    await world.is_ready(service)
    assert world.broker.queues == before


async def test_a_deleted_queue_is_made_again(world: World) -> None:
    monitor = await world.monitor()
    service = await world.service()
    (name,) = [q.name for q in world.broker.queues if q.name.startswith("baton-echo.")]
    world.broker.delete_queue(name)
    await reach(lambda: service.channel.state, service.watch, Phase.CONNECTING)
    await world.is_ready(service)
    await _answers(world, monitor)


async def test_a_deleted_output_exchange_is_made_again_and_nothing_is_lost(world: World) -> None:
    monitor = await world.monitor(pulse=0.1)
    await world.service()
    world.broker.delete_exchange("baton_echo_out")
    world.send("first")
    await _answers(world, monitor)


async def test_an_input_exchange_made_anew_by_another_is_found_by_the_pulse(world: World) -> None:
    monitor = await world.monitor()
    await world.service()
    world.broker.delete_exchange("baton_echo_in")
    other = MemoryTransport(world.broker, TransportListener())
    await other.open()
    await other.declare(Topology([Exchange("baton_echo_in")]))
    with pytest.raises(Unroutable):
        world.send(1)
    await _answers(world, monitor)
    await other.close()


async def test_an_exchange_with_another_flag_is_told_of_and_retried(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    other = MemoryTransport(world.broker, TransportListener())
    await other.open()
    await other.declare(Topology([Exchange("baton_echo_in", durable=False)]))
    service = await world.service(ready=False)
    state = await reach(lambda: service.channel.state, service.watch, Phase.DISCONNECTED)
    assert 'The exchange "baton_echo_in" exists with durable=False' in state.reason
    assert "INTEROP" in caplog.text
    world.broker.delete_exchange("baton_echo_in")
    await world.is_ready(service)
    await other.close()


async def test_outputs_that_were_not_confirmed_are_sent_again(world: World) -> None:
    monitor = await world.monitor()
    await world.service()
    world.send("before")
    await monitor.until(lambda: monitor.seen == ["before"])
    world.broker.block()
    publications = world.requester.command({"type": "echo", "n": "during"}, "production")
    world.broker.publish(publications[0])
    await asyncio.sleep(0)
    world.broker.disconnect()
    world.broker.unblock()
    await _answers(world, monitor)


async def test_while_the_broker_is_blocked_outputs_wait(world: World) -> None:
    monitor = await world.monitor()
    service = await world.service()
    world.broker.block()
    state = await reach(lambda: service.channel.state, service.watch, Phase.BLOCKED)
    assert "alarm" in state.reason
    publications = world.requester.command({"type": "echo", "n": "during"}, "production")
    world.broker.publish(publications[0])
    world.broker.unblock()
    await monitor.until(lambda: monitor.seen == ["during"])
    assert (await world.is_ready(service)).phase is Phase.READY


async def test_stops_when_drained(world: World) -> None:
    service = await world.service()
    world.send(1)
    abandoned = await service.stop()
    assert not abandoned
    assert world.broker.queues == []


class Stubborn(Echo):
    started: asyncio.Event

    async def process_message(self, message: Message) -> None:
        Stubborn.started.set()
        await asyncio.Event().wait()


class StubbornService(EchoService):
    consumer = Stubborn


class Deaf(Echo):
    started = threading.Event()
    release = threading.Event()

    def process_message(self, message: Message) -> None:  # type: ignore[override]
        Deaf.started.set()
        Deaf.release.wait(10)


class DeafService(EchoService):
    consumer = Deaf


async def test_abandons_a_handler_that_does_not_end(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    Stubborn.started = asyncio.Event()
    service = await world.service(StubbornService)
    world.send(1)
    world.send(2)
    await asyncio.wait_for(Stubborn.started.wait(), 5)
    abandoned = await service.stop(0.01)
    assert abandoned.commands == 2
    assert "abandoned: 2 of the commands, 0 of the outputs" in caplog.text


async def test_abandons_a_thread_that_does_not_end(world: World) -> None:
    service = await world.service(DeafService)
    world.send(1)
    await asyncio.to_thread(Deaf.started.wait, 5)
    abandoned = await service.stop(0.01)
    Deaf.release.set()
    assert abandoned.commands == 1


async def test_outputs_that_nobody_confirmed_are_counted_as_abandoned(world: World) -> None:
    service = await world.service()
    world.broker.block()
    await reach(lambda: service.channel.state, service.watch, Phase.BLOCKED)
    publications = world.requester.command({"type": "echo", "n": 1}, "production")
    world.broker.publish(publications[0])
    abandoned = await service.stop(0.05)
    assert (abandoned.commands, abandoned.outputs) == (1, 1)


async def test_two_consumers_of_one_service(world: World) -> None:
    class Second(Echo):
        @property
        def routing_keys(self) -> tuple[str, ...]:
            return (self.routing_key,)

    class Both(EchoService):
        def setup_consumers(self) -> None:
            super().setup_consumers()
            self.add_consumer(Second("second", self.server))

    monitor = await world.monitor()
    await world.service(Both)
    world.send(1, "second.production")
    world.send(2)
    await monitor.until(lambda: sorted(monitor.seen) == [1, 2])


async def test_a_consumer_that_is_added_later_is_served_too(world: World) -> None:
    class Later(Echo):
        @property
        def routing_keys(self) -> tuple[str, ...]:
            return ("later",)

    monitor = await world.monitor()
    service = await world.service()
    service.add_consumer(Later("later", SERVER))
    await world.is_ready(service)
    await _answers(world, monitor, "later")


async def test_a_watcher_that_fails_does_not_wound_the_channel(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(state: State) -> None:
        raise KeyError("a fault of the watcher")

    service = await world.service()
    service.watch(fail)
    world.broker.disconnect()
    await reach(lambda: service.channel.state, service.watch, Phase.DISCONNECTED)
    await world.is_ready(service)
    assert "A watcher failed" in caplog.text


async def test_a_command_is_remembered_for_as_long_as_it_may_come_again(world: World) -> None:
    service = await world.service(prefetch=3000)
    assert service.channel.managers[0]._remembered.most == 6000


async def test_consumers_are_not_there_before_the_start() -> None:
    service = EchoService(Configuration(rabbit_url="memory://x"), SERVER)
    with pytest.raises(RuntimeError, match="not started"):
        service.add_consumer(Echo("x", SERVER))


async def test_a_service_without_consumers_says_so(world: World) -> None:
    class Empty(Service):
        extension = EXTENSION.name

    with pytest.raises(NotImplementedError):
        await Empty(world.configuration, SERVER).start()


class TestMonitor:
    async def test_reads_outputs_and_goes_on_after_bad_ones(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        monitor = await world.monitor()
        await world.service()
        world.send("poison")
        other = MemoryTransport(world.broker, TransportListener())
        await other.open()
        await other.declare(
            Topology(
                [Exchange("baton_echo_out")],
                [Queue("q")],
                [Binding("q", "baton_echo_out", "")],
            )
        )
        other.publish([Publication(1, "baton_echo_out", "", b"\xff", Envelope())])
        await monitor.until(lambda: monitor.malformed)
        world.send("after")
        await monitor.until(lambda: "after" in monitor.seen)
        assert monitor.malformed == [b"\xff"]
        assert "The monitor failed at" in caplog.text
        await other.close()

    async def test_finishes_the_message_at_hand_when_it_stops(self, world: World) -> None:
        begun, gate = asyncio.Event(), asyncio.Event()
        finished: list[Any] = []

        class Slow(Monitor):
            extension = EXTENSION.name

            async def process_message(self, message: Message) -> None:
                begun.set()
                await gate.wait()
                finished.append(message["of"])

        monitor = Slow(world.configuration)
        await monitor.start()
        await world.service()
        await _answers_to(world, begun)
        stopping = asyncio.ensure_future(monitor.stop())
        await asyncio.sleep(0)
        gate.set()
        await asyncio.wait_for(stopping, 5)
        assert finished == [1]

    async def test_is_given_what_has_arrived_as_a_batch(self, world: World) -> None:
        batches: list[list[Any]] = []
        malformed: list[bytes] = []
        done = asyncio.Event()

        class Batches(Monitor):
            extension = EXTENSION.name
            batch = 3

            async def process_messages(self, messages: Sequence[Message]) -> None:
                await asyncio.sleep(0)
                batches.append([message["of"] for message in messages])
                if 6 in batches[-1]:
                    done.set()
                if 1 in batches[-1]:
                    raise ValueError("it is logged, and acknowledged")

            async def process_malformed(self, raw: bytes, error: BatonError) -> None:
                await asyncio.sleep(0)
                malformed.append(raw)
                if raw == b"odd":
                    raise ValueError("it is logged, too")

        await (await world.monitor("one")).stop()
        for body in (1, 2, b"\xff", 3, 4, 5, b"odd", 6):
            raw = body if isinstance(body, bytes) else b'{"type": "echo", "of": %d}' % body
            world.broker.publish(Publication(1, "baton_echo_out", "", raw, Envelope()))
        monitor = Batches(world.configuration, "one")
        await monitor.start()
        world.stops.append(monitor.stop)
        await asyncio.wait_for(done.wait(), 5)
        await monitor.stop()
        assert batches == [[1, 2], [3, 4, 5], [6]]
        assert malformed == [b"\xff", b"odd"]
        world.broker.publish(
            Publication(1, "baton_echo_out", "", b'{"type":"echo","of":7}', Envelope())
        )
        again = await world.monitor("one")
        await again.until(lambda: again.seen)
        assert again.seen == [7]  # all others were acknowledged

    async def test_a_batch_ends_when_it_is_large(self, world: World) -> None:
        batches: list[list[Any]] = []
        done = asyncio.Event()

        class Batches(Monitor):
            extension = EXTENSION.name
            batch = 100

            async def process_messages(self, messages: Sequence[Message]) -> None:
                batches.append([message["of"] for message in messages])
                if 4 in batches[-1]:
                    done.set()

        await (await world.monitor("one")).stop()
        for number, size in enumerate((3, 2, 5, 1, 1)):
            raw = encode_body({"type": "echo", "of": number, "text": "x" * size * 2**20})
            world.broker.publish(Publication(1, "baton_echo_out", "", raw, Envelope()))
        monitor = Batches(world.configuration, "one")
        await monitor.start()
        world.stops.append(monitor.stop)
        await asyncio.wait_for(done.wait(), 5)
        assert batches == [[0, 1], [2], [3, 4]]

    async def test_a_batch_that_is_read_lets_others_go_on(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("baton.monitor.Pace", lambda: Pace(0.0))
        turns: list[int] = []
        done = asyncio.Event()

        class Batches(Monitor):
            extension = EXTENSION.name
            batch = 100

            async def process_messages(self, messages: Sequence[Message]) -> None:
                assert len(messages) == 20
                done.set()

        async def others() -> None:
            while not done.is_set():
                turns.append(1)
                await asyncio.sleep(0)

        await (await world.monitor("one")).stop()
        for _ in range(20):
            raw = b'{"type": "echo"}'
            world.broker.publish(Publication(1, "baton_echo_out", "", raw, Envelope()))
        monitor = Batches(world.configuration, "one")
        await monitor.start()
        world.stops.append(monitor.stop)
        await asyncio.wait_for(others(), 5)
        assert len(turns) >= 20

    async def test_a_batch_at_hand_is_not_acknowledged_before_it_is_done(
        self, world: World
    ) -> None:
        begun = asyncio.Event()

        class Stuck(Monitor):
            extension = EXTENSION.name
            batch = 100

            async def process_messages(self, messages: Sequence[Message]) -> None:
                begun.set()
                await asyncio.Event().wait()

        monitor = Stuck(world.configure(grace=0.01), "one")
        await monitor.start()
        await world.service()
        await _answers_to(world, begun)
        await monitor.stop()
        again = await world.monitor("one")
        await again.until(lambda: again.seen)
        assert again.seen == [1]

    async def test_knows_when_a_message_arrived(self, world: World) -> None:
        monitor = await world.monitor()
        await world.service()
        began = time.monotonic()
        world.send(1)
        await monitor.until(lambda: monitor.messages)
        received = monitor.messages[0].received
        assert received is not None
        assert began <= received <= time.monotonic()

    async def test_by_default_one_of_a_batch_that_fails_harms_no_other(self, world: World) -> None:
        class Batches(Collecting):
            batch = 10

        monitor = Batches(world.configuration)
        poison, well = (Message({"type": "echo", "of": each}) for each in ("poison", "well"))
        await monitor.process_messages([poison, well])
        assert monitor.seen == ["poison", "well"]

    async def test_stops_though_the_connection_is_lost_meanwhile(self, world: World) -> None:
        begun, gate = asyncio.Event(), asyncio.Event()

        class Slow(Monitor):
            extension = EXTENSION.name

            async def process_message(self, message: Message) -> None:
                begun.set()
                await gate.wait()

        monitor = Slow(world.configure(grace=60))
        await monitor.start()
        await world.service()
        await _answers_to(world, begun)
        stopping = asyncio.ensure_future(monitor.stop())
        await asyncio.sleep(0)
        world.broker.disconnect()
        await asyncio.sleep(0.05)  # the loss is noticed
        gate.set()
        await asyncio.wait_for(stopping, 5)

    async def test_waits_for_its_own_old_lock(self, world: World) -> None:
        monitor = await world.monitor("one", rabbit_heartbeat=60)
        failed = asyncio.ensure_future(monitor.failed())
        lock = Topology(queues=[Queue("baton-echo-monitor.one.lock")])
        old = MemoryTransport(world.broker, TransportListener())
        await old.open()
        world.broker.disconnect()  # the old one, too; it comes back first, and holds the lock
        await old.close()
        await old.open()
        await old.declare(lock)
        await reach(lambda: monitor.state, monitor.watchers.append, Phase.DISCONNECTED)
        assert not failed.done()
        await old.close()
        await world.service()
        await _answers(world, monitor)
        failed.cancel()

    async def test_goes_on_whatever_its_processing_raises(self, world: World) -> None:
        class Odd(Collecting):
            def process_message(self, message: Message) -> None:
                super().process_message(message)
                task = asyncio.current_task()
                if message.get("of") == "raise cancelled":
                    raise asyncio.CancelledError
                if message.get("of") == "cancel itself" and task is not None:
                    task.cancel()

            def process_malformed(self, raw: bytes, error: BatonError) -> None:
                super().process_malformed(raw, error)
                raise ValueError("odd")

        monitor = Odd(world.configuration)
        await monitor.start()
        world.stops.append(monitor.stop)
        await world.service()
        await _answers(world, monitor)
        world.broker.publish(Publication(1, "baton_echo_out", "", b"\xff", Envelope()))
        world.send("raise cancelled")
        world.send("cancel itself")
        world.send("after")
        await monitor.until(lambda: "after" in monitor.seen)

    async def test_goes_on_whoever_cancels_every_task(self, world: World) -> None:
        """It would say that it is ready, and read nothing any more."""
        monitor = await world.monitor("one")
        await world.service()
        world.send("before")
        await monitor.until(lambda: "before" in monitor.seen)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await _answers(world, monitor)
        await asyncio.wait_for(monitor.stop(), 5)

    async def test_goes_on_whatever_kind_of_error_it_is(self, world: World) -> None:
        """And what it was at is done with: it would come again and again."""

        class Odd(Collecting):
            def process_message(self, message: Message) -> None:
                super().process_message(message)
                if message.get("of") == "odd":
                    raise BaseExceptionGroup("all of these", [GeneratorExit()])

        monitor = Odd(world.configuration, "one")
        await monitor.start()
        world.stops.append(monitor.stop)
        await world.service()
        world.send("odd")
        await monitor.until(lambda: "odd" in monitor.seen)
        world.send("after")
        await monitor.until(lambda: "after" in monitor.seen)
        world.broker.disconnect()
        await _answers(world, monitor)
        assert monitor.seen.count("odd") == 1

    async def test_by_default_it_logs(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)

        class Plain(Monitor):
            extension = EXTENSION.name

        monitor = Plain(world.configuration)
        pong, error = Message({"type": "pong", "fqdn": "a"}), Message({"type": "error"})
        monitor.process_message(pong)
        monitor.process_message(error)
        monitor.process_malformed(b"\xff", BatonError("odd"))  # type: ignore[arg-type]
        levels = [record.levelname for record in caplog.records]
        assert levels == ["INFO", "ERROR", "WARNING"]
        assert caplog.records[0].getMessage() == "{'type': 'pong', 'fqdn': 'a'}"

    async def test_an_instance_has_a_durable_bounded_queue_that_collects_while_it_is_away(
        self, world: World
    ) -> None:
        first = await world.monitor("one")
        await world.service()
        queue = next(q for q in world.broker.queues if q.name == "baton-echo-monitor.one")
        assert queue.durable
        assert not queue.exclusive
        assert queue.arguments == {
            "x-queue-type": "classic",
            "x-expires": 86_400_000,
            "x-max-length": 1_000_000,
            "x-max-length-bytes": 512 * 1024 * 1024,
        }
        await first.stop()
        world.send("while away")
        second = await world.monitor("one")
        await second.until(lambda: second.seen == ["while away"])

    async def test_a_cluster_has_quorum_queues(self, world: World) -> None:
        await world.monitor("one", cluster=True)
        (queue,) = [q for q in world.broker.queues if q.name == "baton-echo-monitor.one"]
        assert queue.arguments["x-queue-type"] == "quorum"

    async def test_in_a_cluster_a_queue_of_its_own_is_not_bound_to_a_node(
        self, world: World
    ) -> None:
        """An exclusive one that is left of a dead node would refuse every output."""
        monitor = await world.monitor(cluster=True)
        await world.service(cluster=True)
        (queue,) = [q for q in world.broker.queues if q.name.startswith("baton-echo-monitor.")]
        assert queue.durable
        assert not queue.exclusive
        assert queue.arguments["x-queue-type"] == "quorum"
        assert queue.arguments["x-expires"] == 60_000
        world.send(1)
        await monitor.until(lambda: monitor.seen == [1])

    async def test_only_one_process_is_an_instance(self, world: World) -> None:
        await world.monitor("one")
        second = Collecting(world.configuration, "one")
        await second.start()
        with pytest.raises(BatonError, match=r'instance "one".*--instance'):
            await asyncio.wait_for(second.failed(), 5)
        await second.stop()

    async def test_an_instance_comes_back_after_a_loss(self, world: World) -> None:
        monitor = await world.monitor("one")
        await world.service()
        world.broker.disconnect()
        await _answers(world, monitor)

    async def test_an_instance_that_was_not_told_that_it_is_one_waits_for_itself(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The broker made the lock, but its answer did not come in time: the connection that was
        given up holds it for some time."""
        declare = MemoryTransport.declare
        given_up = MemoryTransport(world.broker, TransportListener())
        await given_up.open()

        async def declare_late(transport: MemoryTransport, topology: Topology) -> None:
            if any(queue.name.endswith(".lock") for queue in topology.queues):
                monkeypatch.setattr(MemoryTransport, "declare", declare)
                world.broker.declare(topology, given_up)
                await asyncio.Event().wait()
            await declare(transport, topology)

        monkeypatch.setattr(MemoryTransport, "declare", declare_late)
        monitor = Collecting(world.configure(deadline=0.1), "one")
        failed = asyncio.Event()
        watchers = monitor.watchers
        watchers.append(lambda state: failed.set() if "held" in state.reason else None)
        await monitor.start(lambda state: [each(state) for each in watchers])  # type: ignore[arg-type]
        world.stops.append(monitor.stop)
        await asyncio.wait_for(failed.wait(), 10)
        await given_up.close()
        ended = asyncio.ensure_future(monitor.failed())
        await reach(lambda: monitor.state, watchers.append, Phase.READY)
        assert not ended.done()
        ended.cancel()

    @pytest.mark.parametrize("cluster", [False, True])
    async def test_in_a_cluster_it_waits_until_a_dead_node_is_given_up(
        self, world: World, cluster: bool
    ) -> None:
        """The node holds the lock of the connection that was lost, long after any heartbeat."""
        monitor = await world.monitor("one", cluster=cluster, rabbit_heartbeat=0)
        held = asyncio.Event()
        monitor.watchers.append(lambda state: held.set() if "held" in state.reason else None)
        dead = MemoryTransport(world.broker, TransportListener())
        await dead.open()
        world.broker.disconnect()
        await dead.open()
        lock = Queue("baton-echo-monitor.one.lock", exclusive=True)
        await dead.declare(Topology(queues=[lock]))
        ended = asyncio.ensure_future(monitor.failed())
        await asyncio.wait_for(held.wait(), 5)
        if cluster:
            await dead.close()
            await reach(lambda: monitor.state, monitor.watchers.append, Phase.READY)
            assert not ended.done()
            ended.cancel()
        else:
            with pytest.raises(BatonError, match=r'instance "one".*--instance'):
                await asyncio.wait_for(ended, 5)

    async def test_a_deleted_queue_is_made_again(self, world: World) -> None:
        monitor = await world.monitor("one")
        await world.service()
        world.broker.delete_queue("baton-echo-monitor.one")
        await _answers(world, monitor)

    async def test_an_asynchronous_monitor(self, world: World) -> None:
        seen: list[Message] = []
        done = asyncio.Event()

        class Slow(Monitor):
            extension = EXTENSION.name

            async def process_message(self, message: Message) -> None:
                await asyncio.sleep(0)
                seen.append(message)
                done.set()

        monitor = Slow(world.configuration)
        await monitor.start()
        world.stops.append(monitor.stop)
        await world.service()
        await _answers_to(world, done)
        assert seen[0].type == "echo"

    async def test_is_not_started(self, world: World) -> None:
        monitor = Collecting(world.configuration)
        assert monitor.state.phase is Phase.CONNECTING
        await monitor.stop()
        with pytest.raises(RuntimeError, match="not started"):
            await monitor.failed()


async def _answers(world: World, monitor: Collecting, key: str = "production") -> None:
    """Wait until a command that is sent now and then is answered."""
    number = secrets.token_hex(4)
    async with asyncio.timeout(5):
        while number not in monitor.seen:
            try:
                world.send(number, key)
            except Unroutable:
                await asyncio.sleep(0.01)
                continue
            try:
                await monitor.until(lambda: number in monitor.seen, timeout=0.2)
            except TimeoutError:
                continue


async def _answers_to(world: World, done: asyncio.Event) -> None:
    async with asyncio.timeout(5):
        while not done.is_set():
            world.send(1)
            try:
                await asyncio.wait_for(done.wait(), 0.2)
            except TimeoutError:
                continue


async def test_is_watched_before_and_after_the_start(world: World) -> None:
    service = EchoService(world.configure(), SERVER)
    early: list[Phase] = []
    late: list[Phase] = []
    service.watch(lambda state: early.append(state.phase))
    assert service.state.phase is Phase.CONNECTING
    await service.start()
    world.stops.append(lambda: service.stop(0))
    service.watch(lambda state: late.append(state.phase))
    await world.is_ready(service)
    assert early == late
    assert early[-1] is Phase.READY
    assert service.state == service.channel.state


@pytest.mark.parametrize("early", [True, False])
async def test_its_pulse_goes_on_whether_the_broker_is_there_or_not(
    world: World, early: bool
) -> None:
    service = EchoService(world.configure(), SERVER)
    pulses: asyncio.Queue[None] = asyncio.Queue()
    if early:
        service.watch_pulse(lambda: pulses.put_nowait(None))
    await service.start()
    world.stops.append(lambda: service.stop(0))
    if not early:
        service.watch_pulse(lambda: pulses.put_nowait(None))
    for _ in range(2):
        await asyncio.wait_for(pulses.get(), 5)
    world.broker.stop("connection refused")
    await reach(lambda: service.state, service.watch, Phase.DISCONNECTED)
    while not pulses.empty():
        pulses.get_nowait()
    for _ in range(2):
        await asyncio.wait_for(pulses.get(), 5)


async def test_all_that_a_service_says_carries_its_instance(world: World) -> None:
    class Both(EchoService):
        def setup_consumers(self) -> None:
            super().setup_consumers()
            self.add_consumer(Echo("second", self.server))

    monitor = await world.monitor()
    service = await world.service(Both)
    await world.service(server=Server("web02.example.org", "staging"))
    world.send(1)
    world.send(2, "staging")
    await monitor.until(lambda: len(monitor.messages) == 3)
    instances = {
        (message["fqdn"], message.headers["baton-instance"]) for message in monitor.messages
    }
    assert len(instances) == 2
    assert (SERVER.fqdn, service.instance) in instances


async def test_a_shared_channel_is_started_and_stopped_by_whoever_made_it(world: World) -> None:
    monitor = await world.monitor()
    channel = Channel(world.configure(), EXTENSION)
    services = [
        EchoService(world.configuration, Server(f"web0{number}.example.org"))
        for number in range(1, 4)
    ]
    for service in services:
        service.share(channel)
        await service.start()
        assert service.state.phase is Phase.CONNECTING
    channel.start()
    await reach(lambda: channel.state, channel.watch, Phase.READY)
    world.send(1, "*")
    await monitor.until(lambda: len(monitor.messages) == 3)
    assert not await services[0].stop()
    assert channel.state.phase is Phase.READY
    assert not await channel.stop(5)


async def test_a_cancel_that_nobody_answers_leaves_time_for_what_runs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    Slow.started, Slow.goes_on = asyncio.Event(), asyncio.Event()
    service = await world.service(SlowService)
    world.send(1)
    await asyncio.wait_for(Slow.started.wait(), 5)
    monkeypatch.setattr(MemoryTransport, "cancel", never)
    stopping = asyncio.ensure_future(service.stop(1))
    asyncio.get_running_loop().call_later(0.1, Slow.goes_on.set)
    assert not await asyncio.wait_for(stopping, 5)


class Slow(Echo):
    started: asyncio.Event
    goes_on: asyncio.Event

    async def process_message(self, message: Message) -> None:
        Slow.started.set()
        await Slow.goes_on.wait()


class SlowService(EchoService):
    consumer = Slow


async def test_what_the_broker_finds_too_large_is_replaced_by_an_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton.transports.memory.broker.MAX_MESSAGE_SIZE", 2_000)
    monitor = await world.monitor()
    service = await world.service()
    world.send(1)
    async with Collector(world.configuration, EXTENSION) as collector:
        await collector.send({"type": "echo", "n": "x" * 1_960}, [SERVER.fqdn])
        (reply,) = [reply async for reply in collector.replies(5)]
    assert reply.message["error_class"] == "MessageTooLarge"
    assert "above the limit of 2,000 bytes" in reply.message["error_message"]
    assert reply.fqdn == SERVER.fqdn
    assert reply.end is not None
    world.send(2)
    await monitor.until(lambda: 2 in monitor.seen)
    assert not await service.stop()


async def test_what_is_said_while_it_is_in_doubt_is_sent_when_it_is_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Listener:
        """Hears of each output when it is in the outbox."""

        def update(self, message: object) -> None:
            said.put_nowait(message)

    class Held(MemoryTransport):
        """Publishes when the test says so."""

        def publish(self, publications: Sequence[Publication]) -> None:
            held.put_nowait(lambda: super(Held, self).publish(publications))

    said: asyncio.Queue[object] = asyncio.Queue()
    held: asyncio.Queue[Callable[[], None]] = asyncio.Queue()
    monitor = await world.monitor()
    monkeypatch.setattr("baton.transports.memory.MemoryTransport", Held)
    service = await world.service()
    service.channel.managers[0].consumer.add_observer(Listener())
    world.send("first")
    await asyncio.wait_for(held.get(), 5)
    service.channel._outbound.channel_lost(NotPermitted("ACCESS_REFUSED"))
    again = await asyncio.wait_for(held.get(), 5)
    assert service.state.reason == "ACCESS_REFUSED"
    await said.get()
    world.send("second")
    await asyncio.wait_for(said.get(), 5)
    again()
    await world.is_ready(service)
    (await asyncio.wait_for(held.get(), 5))()
    await monitor.until(lambda: monitor.seen == ["first", "second"])


async def test_nothing_is_in_doubt_when_nothing_waits(world: World) -> None:
    service = await world.service()
    service.channel._outbound.channel_lost(NotPermitted("ACCESS_REFUSED"))
    assert service.state.reason == "ACCESS_REFUSED"
    await world.is_ready(service)


async def test_what_may_have_waited_for_too_long_while_it_was_held_up_has_expired(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shift = 0.0
    monkeypatch.setattr("baton.stall.clock", lambda: shift)
    monitor = await world.monitor()
    service = await world.service(pulse=60)
    shift = world.configuration.expires + 1
    world.send("old")
    await reach(lambda: service.channel.state, service.watch, Phase.CONNECTING)
    await world.is_ready(service)
    world.send("new")
    await monitor.until(lambda: monitor.seen)
    assert monitor.seen == ["new"]
    assert "Dropped a command that had expired" in caplog.text
    # For less than its expiry, it is not too late.
    shift += world.configuration.expires / 2
    world.send("in time")
    await monitor.until(lambda: len(monitor.seen) == 2)
    assert monitor.seen == ["new", "in time"]


async def test_a_watcher_of_the_pulse_that_fails_does_not_wound_the_channel(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise KeyError("a fault of the watcher")

    service = await world.service()
    pulses: asyncio.Queue[None] = asyncio.Queue()
    service.watch_pulse(fail)
    service.watch_pulse(lambda: pulses.put_nowait(None))
    for _ in range(2):
        await asyncio.wait_for(pulses.get(), 5)
    assert "A watcher failed" in caplog.text
    assert service.state.phase is Phase.READY


async def test_an_output_without_a_type_is_an_error(world: World) -> None:
    class Untyped(Echo):
        async def process_message(self, message: Message) -> None:
            self.notify({"n": 1})

    class UntypedService(EchoService):
        consumer = Untyped

    monitor = await world.monitor()
    await world.service(UntypedService)
    async with Collector(world.configuration, EXTENSION) as collector:
        await collector.send({"type": "echo"}, [SERVER.fqdn])
        (reply,) = [reply async for reply in collector.replies(5)]
    assert reply.message["error_class"] == "InvalidMessage"
    assert "needs a type" in reply.message["error_message"]
    assert reply.outcome == "failed"
    assert monitor.malformed == []


@pytest.mark.parametrize("instance", ["", "x" * 161, "two\nlines"])
def test_an_instance_that_names_no_queue_is_refused(instance: str) -> None:
    with pytest.raises(ConfigurationError, match=r"The monitor instance .* 1 to 160 bytes"):
        Collecting(Configuration(), instance)


class TestSplay:
    @pytest.fixture
    def delays(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """How long each command is held, in seconds; without one, for an hour."""
        delays: list[float] = []

        def draw(splay: object) -> float:
            return 0.0 if splay is None else delays.pop(0) if delays else 3600.0

        monkeypatch.setattr("baton.consumer_manager.draw", draw)
        return delays

    @pytest.mark.usefixtures("delays")
    async def test_what_is_held_holds_up_nothing_and_is_answered_at_the_end(
        self, world: World
    ) -> None:
        monitor = await world.monitor()
        service = await world.service(prefetch=2)
        held = [world.send(n, splay=3600) for n in range(10)]
        world.send("plain")
        await monitor.until(lambda: monitor.seen == ["plain"])
        assert not await service.stop()
        await monitor.until(lambda: len(monitor.messages) == 11)
        answers = {message.correlation_id: message for message in monitor.messages[1:]}
        assert answers.keys() == set(held)
        assert {message["error_class"] for message in answers.values()} == {"Stopping"}

    async def test_what_is_held_outlives_a_lost_connection(
        self, world: World, delays: list[float]
    ) -> None:
        monitor = await world.monitor("ops")
        service = await world.service(prefetch=2)
        delays += [0.4, 0.3]
        world.send("second", splay=1)
        world.send("first", splay=1)
        world.send("plain")
        await monitor.until(lambda: monitor.seen[:1] == ["plain"])
        world.broker.disconnect()
        await reach(lambda: service.channel.state, service.watch, Phase.DISCONNECTED)
        await world.is_ready(service)
        await monitor.until(lambda: len(monitor.seen) == 3)
        assert monitor.seen == ["plain", "first", "second"]

    async def test_what_is_held_is_done_once_after_a_lost_channel(
        self, world: World, delays: list[float]
    ) -> None:
        monitor = await world.monitor("ops")
        await world.service(prefetch=2)
        delays.append(0.2)
        world.send("held", splay=1)
        world.send("plain")
        await monitor.until(lambda: monitor.seen[:1] == ["plain"])
        world.broker.close_channels()
        await monitor.until(lambda: "held" in monitor.seen)
        world.send("last")
        await monitor.until(lambda: "last" in monitor.seen)
        assert monitor.seen == ["plain", "held", "last"]


async def test_a_connection_that_confirms_no_output_is_replaced(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a node that is cut off from its cluster: everything else is answered."""
    monitor = await world.monitor("one")
    service = await world.service(deadline=0.5)
    publish = MemoryTransport.publish
    cut_off = service.channel._outbound.transport

    def store_nothing(transport: MemoryTransport, publications: Sequence[Publication]) -> None:
        if transport is not cut_off:
            publish(transport, publications)

    monkeypatch.setattr(MemoryTransport, "publish", store_nothing)
    world.send(1)
    await monitor.until(lambda: monitor.seen == [1])


async def test_a_confirm_may_take_a_deadline_however_often_the_pulse_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = await world.monitor("one")
    service = await world.service(deadline=60)
    outbound = service.channel._outbound
    first = outbound.transport
    publish = MemoryTransport.publish
    held: asyncio.Queue[Callable[[], None]] = asyncio.Queue()

    def hold(transport: MemoryTransport, publications: Sequence[Publication]) -> None:
        held.put_nowait(lambda: publish(transport, publications))

    monkeypatch.setattr(MemoryTransport, "publish", hold)
    world.send(1)
    confirm = await asyncio.wait_for(held.get(), 5)
    pulses: asyncio.Queue[None] = asyncio.Queue()
    monkeypatch.setattr(outbound, "went_round", lambda: pulses.put_nowait(None))
    for _ in range(4):
        await asyncio.wait_for(pulses.get(), 5)
    assert outbound.transport is first
    confirm()
    await monitor.until(lambda: monitor.seen == [1])


async def test_a_requester_whose_queue_refuses_keeps_nothing_from_the_monitors(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As what is left of a requester's queue when its node is dead. It would be said again and
    again, to the monitors too, and the command never be acknowledged."""
    monkeypatch.setattr("baton.outbox._FIRST_PAUSE", 0.01)
    monitor = await world.monitor("one")
    service = await world.service()
    arguments = {"x-queue-type": "classic", "x-max-length": 0, "x-overflow": "reject-publish"}
    queue = Queue("requester", exclusive=False, arguments=arguments)
    binding = Binding(queue.name, service.channel.exchange_out.name, "reply")
    requester = MemoryTransport(world.broker, TransportListener())
    await requester.open()
    await requester.declare(Topology(queues=[queue], bindings=[binding]))
    command = {"type": "echo", "n": 1}
    publications = world.requester.command(command, "production", reply_to="reply")
    assert world.publisher.publish(publications, 1) == [None]
    await monitor.until(lambda: len(monitor.seen) == 2)  # with the requester, and without
    assert not await service.stop()
    assert monitor.seen == [1, 1]


async def test_what_is_said_while_it_finds_out_what_is_left_is_sent_then(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not when something else is said, or two pulses later, over another connection."""
    shift, may_answer = 0.0, asyncio.Event()
    monkeypatch.setattr("baton.stall.clock", lambda: shift)
    monitor = await world.monitor()
    service = await world.service(pulse=60, rabbit_heartbeat=10, deadline=10)
    declare = MemoryTransport.declare

    async def slow(self: MemoryTransport, topology: Topology) -> None:
        await may_answer.wait()
        await declare(self, topology)

    monkeypatch.setattr(MemoryTransport, "declare", slow)
    shift = 20.0
    service.channel._outbound.held_up()
    assert service.state.phase is Phase.CONNECTING
    (manager,) = service.channel.managers
    manager.consumer.notify({"type": "echo", "of": "meanwhile"})
    for _ in range(5):
        await asyncio.sleep(0)
    assert "meanwhile" not in monitor.seen
    may_answer.set()
    await monitor.until(lambda: "meanwhile" in monitor.seen)
