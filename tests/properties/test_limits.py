"""The largest messages that a broker takes, 16 MiB: none holds up an event loop for more than a
second of the processor, and a batch of them no longer than one."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

import pytest

from baton.configuration import Configuration
from baton.errors import InvalidMessage
from baton.link import Phase, State
from baton.message import Envelope, Message, decode_body, encode_body
from baton.monitor import Monitor
from baton.transports import Publication
from baton.transports.base import MAX_MESSAGE_SIZE
from baton.transports.memory import forget_memory_broker, memory_broker
from baton_ping_monitor.clock import Clock
from baton_ping_monitor.collector.monitor import CollectingMonitor
from baton_ping_monitor.observation import Observation, malformed, observe
from fuzz.oracle import LONGEST_STALL, no_stall
from fuzz.targets.output import check_observation

PATIENCE = 100.0

pytestmark = pytest.mark.timeout(120)


def filled(unit: bytes, before: bytes = b'{"type":"facts","fqdn":"web01","facts":{"a":[') -> bytes:
    """A body as large as it may be, of many *unit*."""
    end = b"]}}"
    number = (MAX_MESSAGE_SIZE - len(before) - len(end) + 1) // (len(unit) + 1)
    return before + b",".join([unit] * number) + end


LARGEST = {
    "empty lists": lambda: filled(b"[]"),
    "empty objects": lambda: filled(b"{}"),
    "small numbers": lambda: filled(b"1e1"),
    "large numbers": lambda: filled(b"9" * 4300),
    "a number": lambda: filled(b"9" * (MAX_MESSAGE_SIZE - 60)),
    "a fraction": lambda: filled(b"0." + b"1" * (MAX_MESSAGE_SIZE - 60)),
    "deep lists": lambda: filled(b"[" * 900 + b"]" * 900),
    "deep objects": lambda: filled(b'{"a":' * 400 + b"1" + b"}" * 400),
    "brackets": lambda: b"[" * MAX_MESSAGE_SIZE,
    "quotes": lambda: b'"' * MAX_MESSAGE_SIZE,
    "commas in a text": lambda: filled(b'"' + b"," * (MAX_MESSAGE_SIZE - 60) + b'"'),
    "commas and a text without an end": lambda: filled(
        b'"' + b",\\" * (MAX_MESSAGE_SIZE // 2 - 60)
    ),
    "escaped pairs": lambda: filled(b'"' + b"\\ud83d\\ude00" * (MAX_MESSAGE_SIZE // 12 - 9) + b'"'),
    "newlines": lambda: b"\n" * MAX_MESSAGE_SIZE,
    "no UTF-8": lambda: b" " * (MAX_MESSAGE_SIZE - 1) + b"\xff",
    "long texts": lambda: filled(b'"' + "é".encode() * 30_000 + b'"'),
}


@pytest.fixture(autouse=True)
def no_log() -> Iterator[None]:
    """pytest keeps what is logged: megabytes, here."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("make", LARGEST.values(), ids=LARGEST)
def test_the_largest_bodies(make: Callable[[], bytes]) -> None:
    raw = make()
    assert len(raw) <= MAX_MESSAGE_SIZE
    with no_stall():
        try:
            message = Message.decode(raw)
        except InvalidMessage as error:
            assert len(str(error)) < 600  # noqa: PT017
            seen = malformed(raw, error, "baton-ping", 0.0)
        else:
            seen = observe(message, "baton-ping", 0.0)
    check_observation(seen)


def test_the_largest_text_is_sent_again_before_long() -> None:
    body = decode_body(LARGEST["escaped pairs"]())
    with no_stall():
        assert len(encode_body(body)) <= MAX_MESSAGE_SIZE


class Stalls:
    """How long others of the loop had to wait, in seconds of the processor."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest = max(self.longest, now - last)
            last = now

    async def during(self, work: Awaitable[object]) -> None:
        watching = asyncio.create_task(self.watch())
        await asyncio.sleep(0)
        try:
            await work
            await asyncio.sleep(0)
        finally:
            watching.cancel()


MANY = b'{"type":"facts","fqdn":"web01","facts":{"a":[' + b",".join([b"[]"] * 100_000) + b"]}}"
"""An output that takes about a hundredth of a second to read."""
NUMBER = 45


class Reading(Monitor):
    """Reads a batch, and is done with it."""

    extension = "baton-ping"
    batch = NUMBER

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration, None)
        self.read = 0
        self.done = asyncio.Event()

    async def process_messages(self, messages: Sequence[Message]) -> None:
        self.read += len(messages)
        if self.read == NUMBER:
            self.done.set()


async def test_a_batch_of_large_outputs_holds_nobody_up() -> None:
    settings = Configuration(rabbit_url="memory://batch", prefetch=NUMBER, pulse=600)
    monitor = Reading(settings)
    ready = asyncio.Event()

    def on_state(state: State) -> None:
        if state.phase is Phase.READY:
            ready.set()

    await monitor.start(on_state)
    await asyncio.wait_for(ready.wait(), PATIENCE)
    broker = memory_broker("batch")
    for number in range(NUMBER):
        broker.publish(Publication(number, "baton_ping_out", "", MANY, Envelope()))
    stalls = Stalls()
    await stalls.during(asyncio.wait_for(monitor.done.wait(), PATIENCE))
    await monitor.stop()
    forget_memory_broker("batch")
    assert stalls.longest < LONGEST_STALL / 2


async def test_a_batch_of_many_facts_holds_nobody_up() -> None:
    kept: list[Observation] = []

    async def keep(seen: Sequence[Observation]) -> None:
        kept.extend(seen)

    facts = {f"{number:05}": "\u202e" * 60 for number in range(4000)}
    message = Message(
        {"type": "facts", "fqdn": "web01", "facts": facts}, json.dumps(facts).encode()
    )
    monitor = CollectingMonitor(
        Configuration(rabbit_url="memory://facts"), "baton-ping", None, keep, Clock()
    )
    stalls = Stalls()
    await stalls.during(monitor.process_messages([message] * 25))
    assert len(kept) == 25
    assert stalls.longest < LONGEST_STALL / 2
