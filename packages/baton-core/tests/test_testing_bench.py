"""The bench: as the harness, for tests that block."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from baton import API, Configuration, Consumer, Message, Monitor, Service
from baton.errors import Unroutable
from baton.testing import Bench, HarnessError, Reader, fresh_configuration

GREET = {"type": "greet"}


class Greeter(Consumer):
    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    @property
    def attributes(self) -> dict[str, Any]:
        return self.server.attributes

    def process_message(self, message: Message) -> None:
        self.notify_info("about to greet")
        if message.type == "wait":
            assert self.go_on.wait(5)
        self.notify_success("hello")

    go_on = threading.Event()


class GreetService(Service):
    extension = "baton-greet"

    def setup_consumers(self) -> None:
        consumer = Greeter("greeter", self.server)
        consumer.go_on = self.go_on = threading.Event()
        self.add_consumer(consumer)


class Sleeper(Greeter):
    """Blocks where it must not."""

    begun = threading.Event()

    async def process_message(self, message: Message) -> None:  # type: ignore[override]
        self.begun.set()
        self.go_on.wait(5)


class SleepyService(Service):
    extension = "baton-greet"

    def setup_consumers(self) -> None:
        self.sleeper = Sleeper("sleeper", self.server)
        self.sleeper.begun, self.sleeper.go_on = threading.Event(), threading.Event()
        self.add_consumer(self.sleeper)


class GreetAPI(API):
    extension = "baton-greet"


class GreetMonitor(Monitor):
    extension = "baton-greet"

    def process_message(self, message: Message) -> None:
        if message.type == "success":
            self.last = message["fqdn"]


@pytest.fixture
def configuration() -> Iterator[Configuration]:
    with fresh_configuration() as configuration:
        yield configuration


@pytest.fixture
def bench(configuration: Configuration) -> Iterator[Bench]:
    with Bench(configuration) as bench:
        yield bench


def test_a_question_is_answered(bench: Bench) -> None:
    service = bench.service(GreetService, "web01.example.org", prefetch=7)
    assert service.configuration.prefetch == 7
    info, success = bench.client.ask(GREET, "web01.example.org")
    assert (info.message.type, success.message.type) == ("info", "success")


def test_progress_is_seen_while_the_service_works(bench: Bench) -> None:
    service = bench.service(GreetService, "web01.example.org")
    types = []
    for reply in bench.client.stream({"type": "wait"}, "web01.example.org"):
        types.append(reply.message.type)
        service.go_on.set()  # the service waits for this
    assert types == ["info", "success"]


def test_a_stream_may_be_left(bench: Bench, configuration: Configuration) -> None:
    service = bench.service(GreetService, "web01.example.org")
    stream = bench.client.stream({"type": "wait"}, "web01.example.org")
    assert next(stream).message.type == "info"
    service.go_on.set()
    del stream
    with Bench(configuration) as other:
        other.service(GreetService, "web02.example.org")
        kept = other.client.stream(GREET, "web02.example.org")
        assert next(kept).message.type == "info"
    kept.close()  # type: ignore[attr-defined]


def test_an_api_and_monitors(bench: Bench) -> None:
    bench.service(GreetService, "web01.example.org")
    own: Reader[GreetMonitor] = bench.monitor(GreetMonitor)
    plain = bench.monitor()
    message_id = bench.client.api(GreetAPI).publish(GREET, "web01.example.org")
    for reader in (own, plain):
        assert [reader.next().type, reader.next().type] == ["info", "success"]
        assert {message.correlation_id for message in reader.messages} == {message_id}
    assert own.monitor.last == "web01.example.org"
    with pytest.raises(HarnessError, match="has read no other message"):
        plain.next(timeout=0.01)


def test_a_service_may_be_stopped(bench: Bench) -> None:
    service = bench.service(GreetService, "web01.example.org")
    assert not bench.service.stop(service)
    with pytest.raises(Unroutable):
        bench.client.ask(GREET, "web01.example.org")


def test_an_async_def_that_blocks_is_shown(configuration: Configuration) -> None:
    quick = Configuration(rabbit_url=url_of(configuration), deadline=2)
    with Bench(quick) as bench:
        service = bench.service(SleepyService, "web01.example.org")
        bench.client.api(GreetAPI).publish(GREET, "web01.example.org")
        assert service.sleeper.begun.wait(5)
        with pytest.raises(HarnessError, match=r"does an async def block\?(?s:.*)process_message"):
            bench.client.ask(GREET, "web01.example.org", timeout=0)
        service.sleeper.go_on.set()


def url_of(configuration: Configuration) -> str:
    return f"memory://{configuration.endpoints[0].host}"


def test_the_thread_ends_also_when_the_test_fails(configuration: Configuration) -> None:
    threads = set(threading.enumerate())
    with contextlib.suppress(ZeroDivisionError), Bench(configuration) as bench:
        bench.service(GreetService, "web01.example.org")
        new = {thread.name for thread in set(threading.enumerate()) - threads}
        assert new == {"baton.testing", "baton greeter"}
        raise ZeroDivisionError
    for thread in set(threading.enumerate()) - threads:
        thread.join(5)  # a consumer's own ends after its service
    assert set(threading.enumerate()) - threads == set()


def test_what_is_abandoned_fails_the_test(configuration: Configuration) -> None:
    stack = contextlib.ExitStack()
    bench = stack.enter_context(Bench(configuration))
    service = bench.service(GreetService, "web01.example.org", grace=0.05)
    next(bench.client.stream({"type": "wait"}, "web01.example.org"))
    with pytest.raises(HarnessError, match="abandoned: 1 of the commands"):
        stack.close()
    service.go_on.set()


async def test_it_may_be_used_on_an_event_loop(bench: Bench) -> None:
    bench.service(GreetService, "web01.example.org")
    assert len(bench.client.ask(GREET, "web01.example.org")) == 2
