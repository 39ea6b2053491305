"""The harness: services, monitors and requesters on this event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from baton import API, Configuration, Consumer, Message, Monitor, Server, Service
from baton.errors import InvalidMessage, Unroutable
from baton.link import Phase
from baton.testing.failure import HarnessError
from baton.testing.harness import Harness
from baton.transports.memory import memory_broker

GREET = {"type": "greet"}
HANG = {"type": "hang"}


class Greeter(Consumer):
    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    @property
    def attributes(self) -> dict[str, Any]:
        return self.server.attributes

    async def process_message(self, message: Message) -> None:
        self.notify_info("about to greet")
        if message.type == "hang":
            await asyncio.Event().wait()
        if message.type == "quiet":
            return
        if message.type == "drop":
            asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        self.notify_success("hello")


class GreetService(Service):
    extension = "baton-greet"

    def setup_consumers(self) -> None:
        self.add_consumer(Greeter("greeter", self.server))


class WaveService(GreetService):
    extension = "baton-wave"


class BrokenService(Service):
    extension = "baton-greet"

    def setup_consumers(self) -> None:
        self.add_consumer(Greeter("greeter", self.server))
        raise LookupError("no such unit")


class GreetAPI(API):
    extension = "baton-greet"


class PickyMonitor(Monitor):
    extension = "baton-greet"

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self.succeeded = asyncio.Event()

    def process_message(self, message: Message) -> None:
        if message.type != "success":
            raise LookupError(message.type)
        self.succeeded.set()


@pytest.fixture
def configuration(memory_url: str) -> Configuration:
    return Configuration(rabbit_url=memory_url, colour="blue")


@pytest.fixture
async def harness(configuration: Configuration) -> AsyncIterator[Harness]:
    async with Harness(configuration) as harness:
        yield harness


async def test_a_service_is_ready_and_its_answers_come(harness: Harness) -> None:
    service = await harness.start(GreetService, "web01.example.org")
    assert service.channel.state.phase is Phase.READY
    info, success = await harness.ask(GREET, "web01.example.org")
    assert (info.message.type, success.message.type) == ("info", "success")
    assert success.fqdn == "web01.example.org"
    assert success.succeeded


async def test_a_name_is_a_server_with_what_the_settings_say(harness: Harness) -> None:
    service = await harness.start(
        GreetService, "web01.example.org", environment="qa", app_names=("shop",)
    )
    assert service.server == Server("web01.example.org", "qa", ("shop",))
    service = await harness.start(GreetService, "web02.example.org")
    assert service.server == Server("web02.example.org", "development")


async def test_without_a_server_the_service_finds_out(harness: Harness) -> None:
    service = await harness.start(GreetService, fqdn="db01.example.org")
    assert service.server.fqdn == "db01.example.org"


async def test_settings_are_added_and_those_of_one_service_are_its_own(harness: Harness) -> None:
    one: Any = await harness.start(GreetService, "web01.example.org", prefetch=7, colour="red")
    assert (one.configuration.prefetch, one.configuration.colour) == (7, "red")
    other: Any = await harness.start(GreetService, "web02.example.org")
    assert (other.configuration.prefetch, other.configuration.colour) == (200, "blue")


async def test_an_environment_has_answered_when_all_of_it_has(harness: Harness) -> None:
    for name in ("web01.example.org", "web02.example.org"):
        await harness.start(GreetService, Server(name, "production"))
    await harness.start(GreetService, Server("web03.example.org", "staging"))
    replies = await harness.ask(GREET, "production", timeout=60)
    assert sorted({reply.fqdn for reply in replies}) == ["web01.example.org", "web02.example.org"]
    assert len(replies) == 4
    assert len(await harness.ask(GREET, ["production", "web03.example.org"], timeout=60)) == 6


async def test_outputs_can_be_had_as_they_come(harness: Harness) -> None:
    service = await harness.start(GreetService, "web01.example.org")
    stream = harness.stream(HANG, "web01.example.org")
    assert (await anext(stream)).message["message"] == "about to greet"
    await stream.aclose()
    await harness.stop(service, grace=0)


async def test_outputs_may_still_be_waited_for_at_the_end(configuration: Configuration) -> None:
    async with Harness(configuration) as harness:
        service = await harness.start(GreetService, "web01.example.org")
        stream = harness.stream(HANG, "web01.example.org")
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream, None))
        await harness.stop(service, grace=0)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_who_has_not_finished_is_named(harness: Harness) -> None:
    for name in ("web01.example.org", "web02.example.org"):
        await harness.start(GreetService, name)
    service = await harness.start(GreetService, "web03.example.org")
    (manager,) = service.channel.managers
    manager.stop()  # deaf, as a service with an error of its own may be
    with pytest.raises(HarnessError) as caught:
        await harness.ask({"type": "quiet"}, "development", timeout=0.5)
    first, finished, unfinished, states, came = str(caught.value).splitlines()
    assert first == 'baton-greet has not finished {"type": "quiet"} within 0.5 s'
    assert sorted(finished.split(": ")[1].split(", ")) == ["web01.example.org", "web02.example.org"]
    assert unfinished == "  not finished: web03.example.org"
    assert states.startswith("  services: web01.example.org is ready since ")
    assert came.count("about to greet") == 2
    await harness.stop(service, 0)


async def test_nobody_listens(harness: Harness) -> None:
    await harness.start(GreetService, "web01.example.org")
    with pytest.raises(Unroutable, match="staging"):
        await harness.ask(GREET, "staging")
    with pytest.raises(Unroutable, match="staging"):
        await harness.ask(GREET, ["web01.example.org", "staging"])


async def test_a_wrong_message(harness: Harness) -> None:
    await harness.start(GreetService, "web01.example.org")
    with pytest.raises(InvalidMessage):
        await harness.ask({}, "web01.example.org")


async def test_a_monitor_reads_what_is_said_to_others(harness: Harness) -> None:
    await harness.start(GreetService, "web01.example.org")
    reader = await harness.monitor()
    message_id = await asyncio.to_thread(harness.api(GreetAPI).publish, GREET, "web01.example.org")
    assert [(await reader.next()).type for _ in range(2)] == ["info", "success"]
    assert {message.correlation_id for message in reader.messages} == {message_id}
    assert reader.monitor.extension == "baton-greet"


async def test_services_with_other_exchanges_are_asked_there(harness: Harness) -> None:
    await harness.start(GreetService, "web01.example.org", exchange="x_in", exchange_out="x_out")
    reader = await harness.monitor()
    assert len(await harness.ask(GREET, "web01.example.org")) == 2
    harness.api(GreetAPI).publish(GREET, "web01.example.org")
    assert (await reader.next()).type == "info"
    broker = memory_broker(harness.configuration.endpoints[0].host)
    assert {exchange.name for exchange in broker.exchanges} == {"x_in", "x_out"}


async def test_which_extension_is_meant(harness: Harness) -> None:
    with pytest.raises(HarnessError, match="Name the extension that is meant: nothing was started"):
        await harness.monitor()
    await harness.start(GreetService, "web01.example.org")
    await harness.start(WaveService, "web01.example.org")
    with pytest.raises(HarnessError, match="meant: baton-greet, baton-wave was started"):
        await harness.ask(GREET, "web01.example.org")
    (_, success) = await harness.ask(GREET, "web01.example.org", extension="baton-wave")
    assert success.succeeded


async def test_two_extensions_do_not_share_exchanges(memory_url: str) -> None:
    shared = Configuration(rabbit_url=memory_url, exchange="test_in", exchange_out="test_out")
    async with Harness(shared) as harness:
        await harness.start(GreetService, "web01.example.org")
        with pytest.raises(HarnessError, match="baton-wave and baton-greet would share exchanges"):
            await harness.start(WaveService, "web01.example.org")
        await harness.start(WaveService, "web01", exchange="wave_in", exchange_out="wave_out")
        assert len(await harness.ask(GREET, "web01", extension="baton-wave")) == 2


async def test_servers_beyond_the_harness_are_waited_for(harness: Harness) -> None:
    async with Harness(harness.configuration) as elsewhere:
        await elsewhere.start(GreetService, "web01.example.org")
        replies = await harness.ask(GREET, "development", extension="baton-greet", timeout=2)
        assert len(replies) == 2


async def test_a_service_that_does_not_get_ready(harness: Harness) -> None:
    broker = memory_broker(harness.configuration.endpoints[0].host)
    broker.stop("no route to host")
    with pytest.raises(HarnessError) as caught:
        await harness.start(GreetService, "web01.example.org", timeout=0.05)
    text = str(caught.value)
    assert text.startswith("baton-greet on web01.example.org was not ready within 0.05 s: ")
    assert "no route to host" in text
    broker.start()
    await harness.start(GreetService, "web01.example.org")


async def test_a_monitor_that_does_not_get_ready(configuration: Configuration) -> None:
    memory_broker(configuration.endpoints[0].host).stop("no route to host")
    async with Harness(configuration, timeout=0.05) as harness:
        with pytest.raises(HarnessError, match=r"^The monitor of baton-greet was not .*no route"):
            await harness.monitor("baton-greet")


async def test_what_setup_consumers_raises_is_raised(harness: Harness) -> None:
    with pytest.raises(LookupError, match="no such unit"):
        await harness.start(BrokenService, "web01.example.org")


async def test_all_is_stopped_at_the_end(configuration: Configuration) -> None:
    tasks = asyncio.all_tasks()
    async with Harness(configuration) as harness:
        service = await harness.start(GreetService, "web01.example.org")
        await harness.start(GreetService, "web02.example.org")
        await harness.monitor()
        assert not await harness.stop(service)
        with pytest.raises(Unroutable):
            await harness.ask(GREET, "web01.example.org")
        assert len(memory_broker(configuration.endpoints[0].host).queues) == 2
    assert memory_broker(configuration.endpoints[0].host).queues == []
    assert {task for task in asyncio.all_tasks() if not task.done()} == tasks


async def test_what_is_abandoned_fails_the_test(configuration: Configuration) -> None:
    stack = AsyncExitStack()
    harness = await stack.enter_async_context(Harness(configuration))
    await harness.start(GreetService, "web01.example.org", grace=0.05)
    reader = await harness.monitor()
    harness.api(GreetAPI).publish(HANG, "web01.example.org")
    await reader.next()
    with pytest.raises(HarnessError) as caught:
        await stack.aclose()
    assert str(caught.value) == (
        "baton-greet on web01.example.org did not finish before it was stopped; "
        "abandoned: 1 of the commands, 0 of the outputs"
    )


async def test_what_the_test_itself_stops_may_abandon(harness: Harness) -> None:
    service = await harness.start(GreetService, "web01.example.org")
    reader = await harness.monitor()
    harness.api(GreetAPI).publish(HANG, "web01.example.org")
    await reader.next()
    assert (await harness.stop(service, grace=0.01)).commands == 1


async def test_a_monitor_that_failed_fails_the_test(configuration: Configuration) -> None:
    stack = AsyncExitStack()
    harness = await stack.enter_async_context(Harness(configuration))
    await harness.start(GreetService, "web01.example.org")
    reader = await harness.monitor(PickyMonitor)
    await harness.ask(GREET, "web01.example.org")
    await reader.monitor.succeeded.wait()
    with pytest.raises(HarnessError) as caught:
        await stack.aclose()
    assert str(caught.value) == "The monitor of baton-greet failed: LookupError('info')"


async def test_an_error_on_the_event_loop_fails_the_test(configuration: Configuration) -> None:
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    stack = AsyncExitStack()
    harness = await stack.enter_async_context(Harness(configuration))
    await harness.start(GreetService, "web01.example.org")
    await harness.ask({"type": "drop"}, "web01.example.org")
    with pytest.raises(HarnessError, match=r"^On the event loop: .*ZeroDivisionError"):
        await stack.aclose()
    assert loop.get_exception_handler() is before


async def test_a_test_that_failed_anyway_is_told_the_rest(configuration: Configuration) -> None:
    async def test() -> None:
        async with Harness(configuration) as harness:
            await harness.start(GreetService, "web01.example.org")
            await harness.ask({"type": "drop"}, "web01.example.org")
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        await test()
    (note,) = caught.value.__notes__
    assert note.startswith("On the event loop: ")
