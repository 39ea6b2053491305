"""A service on a broker in memory, and whatever anybody publishes to it and says in its name: it
goes on, and what comes next is answered."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import secrets
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any, Final, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from baton.configuration import Configuration
from baton.consumer import Consumer
from baton.extension import find_extension
from baton.fleet import Collection, Request, Result
from baton.link import Phase
from baton.message import BCC_HEADER, END_HEADER, SPLAY_HEADER, Envelope, Message, new_id
from baton.server import Server
from baton.service import Service
from baton.transports import Publication
from baton.transports.memory import forget_memory_broker, memory_broker
from fuzz.oracle import LONGEST_STALL, check_line
from properties.strategies import bodies, envelopes, outputs

T = TypeVar("T")
HERE: Final = Server("web01.example.org", "production", ("shop",), {"cpus": 8, "a": [1, "x"]})
PATIENCE: Final = 30.0
"""Seconds of the clock after which nothing comes any more. No test measures by it."""


class Odd(Consumer):
    """Says again what it was sent. Before it answers a ping, ``meanwhile`` happens."""

    meanwhile: Callable[[Message], None] | None = None

    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    @property
    def attributes(self) -> dict[str, Any]:
        return {"type": "said", **self.server.attributes}

    async def process_message(self, message: Message) -> None:
        if message.type == "error":
            raise ValueError(message)
        if message.type == "ping" and self.meanwhile is not None:
            self.meanwhile(message)
        self.notify({**message, "type": "said" if message.type != "ping" else "pong"})


class Blocking(Odd):
    """Does the same in a thread."""

    def process_message(self, message: Message) -> None:  # type: ignore[override]
        if message.type == "error":
            raise ValueError(message)
        self.notify({**message, "type": "said" if message.type != "ping" else "pong"})


class OddService(Service):
    extension = "baton-odd"

    def setup_consumers(self) -> None:
        self.add_consumer(Odd("odd", self.server))


class BlockingService(Service):
    extension = "baton-odd"

    def setup_consumers(self) -> None:
        self.add_consumer(Blocking("odd", self.server))


class World:
    """A service that is ready, and its broker. What the loop is told of goes to ``troubles``."""

    def __init__(self, kind: type[Service] = OddService) -> None:
        self.troubles: list[str] = []
        self._name = secrets.token_hex(8)
        self._runner = asyncio.Runner()
        self.loop = self._runner.get_loop()
        self.loop.set_exception_handler(lambda _, context: self.troubles.append(str(context)))
        # The loop stands still while examples are made, however long that takes: no service was
        # held up, nor has to find out what is left of its connections, as after a heartbeat.
        self.configuration = Configuration(
            rabbit_url=f"memory://{self._name}", pulse=60, rabbit_heartbeat=3600
        )
        self.broker = memory_broker(self._name)
        self.service = kind(self.configuration, HERE)
        self.extension = find_extension(kind.extension)
        self.run(self._start())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    async def _start(self) -> None:
        ready = asyncio.Event()
        await self.service.start()
        self.service.watch(lambda state: ready.set() if state.phase is Phase.READY else None)
        await asyncio.wait_for(ready.wait(), PATIENCE)

    def close(self) -> None:
        self.run(self.service.stop(5))
        self._runner.close()
        forget_memory_broker(self._name)

    def publish(self, body: bytes, envelope: Envelope, key: str = HERE.fqdn) -> None:
        """A command, as anybody may publish it."""
        self._publish(self.extension.exchange, key, body, envelope)

    def say(self, key: str, body: bytes, envelope: Envelope) -> None:
        """An output, as anybody may publish it."""
        self._publish(self.extension.exchange_out, key, body, envelope)

    def _publish(self, exchange: str, key: str, body: bytes, envelope: Envelope) -> None:
        """As RabbitMQ takes it: it refuses a BCC that is no list, and skips what is no key."""
        bcc = envelope.headers.get(BCC_HEADER)
        keys = [each for each in bcc if isinstance(each, str)] if isinstance(bcc, list) else []
        envelope = replace(envelope, headers={**envelope.headers, BCC_HEADER: keys})
        self.broker.publish(Publication(1, exchange, key, body, envelope))

    def ask(self) -> Result:
        """What comes of a ping."""
        return self.run(self._ask())

    async def _ask(self) -> Result:
        request = Request(
            message={"type": "ping"}, targets=(HERE.fqdn,), timeout=PATIENCE, where=("cpus=8",)
        )
        async with Collection(self.configuration, self.extension, request) as collection:
            async for reply in collection:
                check_line(reply.fqdn, 160)
                check_line(reply.instance, 170)
                check_line(reply.outcome, 20)
                if reply.instance == self.service.instance and reply.end is not None:
                    break  # others may say that they begin, and never end
        return collection.result()


@pytest.fixture(params=[OddService, BlockingService])
def world(request: pytest.FixtureRequest) -> Any:
    world = World(request.param)
    yield world
    world.close()
    assert world.troubles == []


class AnyOrder(RuleBasedStateMachine):
    """Hostile deliveries in any order: each time, a ping is answered before long."""

    kind: type[Service] = OddService

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.kind)
        self.states: list[str] = []
        self.world.service.watch(lambda state: self.states.append(str(state.phase)))
        self.states.clear()

    @rule(body=bodies, envelope=envelopes)
    def command(self, body: bytes, envelope: Envelope) -> None:
        """Somebody sends a command."""
        self.world.publish(body, envelope)

    @rule(body=bodies, envelope=envelopes, times=st.integers(2, 5))
    def again(self, body: bytes, envelope: Envelope, times: int) -> None:
        """Somebody sends one several times, under an id of its own."""
        envelope = replace(envelope, message_id=new_id())
        for _ in range(times):
            self.world.publish(body, envelope)

    @rule(body=bodies, envelope=envelopes)
    def held(self, body: bytes, envelope: Envelope) -> None:
        """Somebody has one wait."""
        self.world.publish(body, replace(envelope, headers={SPLAY_HEADER: 1}))

    @rule(body=bodies | outputs.map(lambda it: json.dumps(it).encode()), envelope=envelopes)
    def output(self, body: bytes, envelope: Envelope) -> None:
        """Somebody says something in the name of servers."""
        self.world.say("", body, envelope)

    @invariant()
    def a_ping_is_answered(self) -> None:
        """By the service, in time, on the connection that it had."""
        before = time.thread_time()  # what was sent is processed while the ping is asked
        result = self.world.ask()
        took = time.thread_time() - before
        assert result.errors == ()
        assert result.answered == 1
        assert self.states == []
        assert self.world.troubles == []
        assert took < 2 * LONGEST_STALL, took

    def teardown(self) -> None:
        """All of it ends."""
        self.world.close()


class AnyOrderBlocking(AnyOrder):
    """The same for a handler in a thread."""

    kind = BlockingService


A_FEW = settings(max_examples=max(10, settings().max_examples // 10))
"""Each of them takes as long as ten elsewhere."""

TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = A_FEW
TestAnyOrderBlocking = AnyOrderBlocking.TestCase
TestAnyOrderBlocking.settings = A_FEW


class Said(RuleBasedStateMachine):
    """Hostile replies to one who asks: the answer that counts is counted."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.said: list[tuple[bytes, Envelope]] = []
        consumer = self.world.service.channel.managers[0].consumer
        assert isinstance(consumer, Odd)
        consumer.meanwhile = self.interrupt

    @rule(body=bodies | outputs.map(lambda it: json.dumps(it).encode()), envelope=envelopes)
    def anybody(self, body: bytes, envelope: Envelope) -> None:
        """Somebody who has found the key is going to say something."""
        self.said.append((body, envelope))

    def interrupt(self, message: Message) -> None:
        """It is said before the answer."""
        for number, (body, envelope) in enumerate(self.said):
            answered = message.message_id if number % 4 else envelope.correlation_id
            said = replace(envelope, correlation_id=answered)
            self.world.say(str(message.reply_to), body, said)

    @invariant()
    def it_is_asked(self) -> None:
        """The service that was asked is among those that answered."""
        result = self.world.ask()
        assert result.answered >= 1
        assert result.latency is not None
        for failure in result.errors:
            check_line(failure.error_message, 200)
        assert self.world.troubles == []

    def teardown(self) -> None:
        """All of it ends."""
        self.world.close()


TestSaid = Said.TestCase
TestSaid.settings = A_FEW


@pytest.fixture
def no_log() -> Iterator[None]:
    """pytest keeps what is logged."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("no_log")
def test_nothing_is_kept_of_what_was_done_with(world: World) -> None:
    """The same hostile commands a thousand times more take no more memory."""
    odd = [
        b"\xff",
        b"{",
        b'{"type":"echo","a":[[1],{"b":"c"}]}',
        b'{"type":"error"}',
        b'{"type":"x' + b"y" * 2000 + b'"}',
        b"[" * 5000,
    ]
    envelopes = [
        {},
        {"reply_to": "a" * 32},
        {"reply_to": "\0", "correlation_id": "x" * 255},
        {"expires": 0.0},
        {"headers": {"baton-where": [f"a={'*a' * 200}"], "baton-splay": 1}},
        {"headers": {"baton-where": 1, "baton-splay": "x", END_HEADER: {"a": [1] * 100}}},
    ]

    def round_of(number: int) -> int:
        for index in range(number):
            given = envelopes[index % 6]
            envelope = Envelope(message_id=new_id(), **given)  # type: ignore[arg-type]
            world.publish(odd[index // 6 % 6], envelope)
            if index % 100 == 0:
                assert world.ask().answered == 1
        assert world.ask().answered == 1
        gc.collect()
        return sys.getallocatedblocks()

    round_of(2500)  # ids are remembered: 1,024 of them at least, 2,048 at most
    before = round_of(1080)
    after = round_of(1080)
    assert after - before < 2000, "less than two blocks of memory for each command"
