"""Durable commands, whatever becomes of the server, the process and the broker meanwhile."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from baton import API, Collector, Unroutable
from baton.extension import Extension
from baton.link import Phase
from baton.testing.reader import AsyncReader, OutputMonitor
from baton.transports import Binding, Delivery, Topology, Transport, open_transport
from brokers import Broker, Vhost
from integration import patching
from integration.patching import EXTENSION, QUEUE, SERVER
from integration.recorder import Recorder
from integration.running import Process, script

LETTERS, EXPIRED = f"{EXTENSION}.dead-letters", f"{EXTENSION}.expired"
QUICK = {"pulse": 0.5, "reconnect_max": 0.3}


class PatchAPI(API):
    extension = EXTENSION


class Fleet:
    """One server whose processes come and go, and who sends to it."""

    def __init__(self, vhost: Vhost, journal: Path, kind: str) -> None:
        self.settings = {**QUICK, "durable_queues": kind}
        self.url = vhost.url
        self.configuration = vhost.configuration(**self.settings)
        self._journal = journal
        self._stack = ExitStack()
        self.api = self._stack.enter_context(PatchAPI(self.configuration))

    @contextmanager
    def server(self, *, ready: bool = True, **settings: Any) -> Iterator[Process]:
        """A process of the server, by default ready; killed at the end of the block."""
        arguments = (self.url, str(self._journal), json.dumps({**self.settings, **settings}))
        with script(Path(patching.__file__), *arguments) as process:
            if ready:
                process.wait_for("phase ready")
            yield process

    def visit(self) -> None:
        """The server comes, and goes in good order."""
        with self.server() as process:
            process.signal(signal.SIGTERM)
            assert process.wait() == 0

    def send(self, *numbers: int, type: str = "patch", **how: Any) -> list[str]:
        return [self.api.publish({"type": type, "n": n}, SERVER.fqdn, **how) for n in numbers]

    @property
    def attempts(self) -> list[list[object]]:
        """What was begun: the number, whether it was redelivered, and its delivery count."""
        lines = self._journal.read_text().splitlines() if self._journal.exists() else []
        return [json.loads(line) for line in lines]

    @asynccontextmanager
    async def session(self) -> AsyncIterator[tuple[Transport, Recorder]]:
        """Somebody else on the broker."""
        endpoint, recorder = self.configuration.endpoints[0], Recorder()
        transport = open_transport(self.configuration, endpoint, recorder, "somebody else")
        await transport.open()
        try:
            yield transport, recorder
        finally:
            await transport.close()

    async def count(self, queue: str) -> int | None:
        """How many messages wait in a queue."""
        async with self.session() as (transport, _):
            return await transport.count(queue)

    async def take(self, queue: str, number: int = 1) -> list[Delivery]:
        """So many messages from a queue, which stay there."""
        async with self.session() as (transport, seen):
            await transport.consume(queue, 0)
            await seen.until(lambda: len(seen.deliveries) >= number)
            return seen.deliveries

    async def until_unroutable(self, key: str) -> None:
        """Send until no queue takes that key."""
        async with asyncio.timeout(10):
            while True:
                try:
                    await asyncio.to_thread(self.api.publish, {"type": "patch", "n": 0}, key)
                except Unroutable:
                    return
                await asyncio.sleep(0.05)  # until the next pulse: not in a tight loop

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def make_fleet(vhost: Vhost, tmp_path: Path) -> Iterator[Callable[[str], Fleet]]:
    fleets: list[Fleet] = []

    def make(kind: str) -> Fleet:
        fleets.append(Fleet(vhost, tmp_path / "journal", kind))
        return fleets[-1]

    yield make
    for fleet in fleets:
        fleet.close()


@pytest.fixture(params=["quorum", "classic"])
def fleet(make_fleet: Callable[[str], Fleet], request: pytest.FixtureRequest) -> Fleet:
    return make_fleet(request.param)


@pytest.fixture
async def reader(vhost: Vhost) -> AsyncIterator[AsyncReader[OutputMonitor]]:
    """What is said, from now on, however often the connection is lost."""
    monitor = OutputMonitor(vhost.configuration(**QUICK), EXTENSION)
    monitor.instance = "kept"
    reader, ready = AsyncReader(monitor, timeout=60), asyncio.Event()
    await monitor.start(lambda state: ready.set() if state.phase is Phase.READY else None)
    await asyncio.wait_for(ready.wait(), 30)
    yield reader
    await monitor.stop()


Reader = AsyncReader[OutputMonitor]


async def test_what_is_sent_while_it_is_away_is_done_when_it_is_back(
    fleet: Fleet, reader: Reader
) -> None:
    with pytest.raises(Unroutable):
        fleet.send(0)
    fleet.visit()
    fleet.send(*range(1, 21))
    assert await fleet.count(QUEUE) == 20

    with fleet.server():
        said = [await reader.next() for _ in range(20)]

    assert [each["message"] for each in said] == [f"patched {n}" for n in range(1, 21)]
    assert fleet.attempts == [[n, False, 0] for n in range(1, 21)]


async def test_one_that_is_away_is_missing_and_answers_late(fleet: Fleet, reader: Reader) -> None:
    fleet.visit()
    async with Collector(fleet.configuration, Extension(EXTENSION)) as collector:
        await collector.send({"type": "patch", "n": 1}, [SERVER.fqdn])
        assert not collector.unroutable
        assert [each async for each in collector.replies(0.5)] == []
        message_id = collector.message_id
    with fleet.server():
        late = await reader.next()
    assert late.correlation_id == message_id


async def test_one_that_was_killed_in_the_middle_runs_it_again(
    fleet: Fleet, reader: Reader
) -> None:
    with fleet.server() as process:
        fleet.send(1, type="hang")
        fleet.send(2)
        process.wait_for("began 1")
        process.signal(signal.SIGKILL)
        process.wait()
    with fleet.server() as process:
        process.wait_for("began 1")
        process.signal(signal.SIGKILL)
        process.wait()
    counts = [0, 1] if fleet.configuration.durable_queues == "quorum" else [0, 0]
    assert fleet.attempts == [[1, False, counts[0]], [1, True, counts[1]]]
    assert await fleet.count(QUEUE) is not None


async def test_what_sigterm_finds_waiting_is_done_by_the_next(fleet: Fleet, reader: Reader) -> None:
    with fleet.server(grace=1) as process:
        fleet.send(1, splay=3600)
        fleet.send(2, 3)
        process.signal(signal.SIGTERM)
        assert process.wait() == 0, "nothing was begun, so nothing is abandoned"
    assert fleet.attempts == []
    assert await fleet.count(QUEUE) == 3
    assert reader.messages == []


async def test_what_ends_the_process_is_given_up_and_reported_once(
    make_fleet: Callable[[str], Fleet], reader: Reader
) -> None:
    fleet = make_fleet("quorum")
    with fleet.server() as process:
        (poison,) = fleet.send(1, type="exit")
        fleet.send(2)
        assert process.wait() == 9
    for _ in range(2):
        with fleet.server(ready=False) as process:
            assert process.wait() == 9
    with fleet.server():
        error, good = await reader.next(), await reader.next()
        assert (error["error_class"], error.correlation_id) == ("DeliveryLimitReached", poison)
        assert good["message"] == "patched 2"
        (letter,) = await fleet.take(LETTERS)
    assert letter.envelope.message_id == poison
    assert letter.envelope.headers["x-first-death-reason"] == "rejected"
    assert fleet.attempts == [[1, False, 0], [1, True, 1], [1, True, 2], [2, False, 0]]
    assert (await fleet.count(QUEUE), await fleet.count(EXPIRED)) == (0, 0)


async def test_what_a_handler_rejects_is_a_dead_letter(fleet: Fleet, reader: Reader) -> None:
    with fleet.server():
        fleet.send(1, type="reject")
        fleet.send(2)
        error, good = await reader.next(), await reader.next()
        assert (error["error_class"], good["message"]) == ("Reject", "patched 2")
        (letter,) = await fleet.take(LETTERS)
    assert letter.envelope.headers["x-first-death-queue"] == QUEUE


async def test_what_expires_is_counted(fleet: Fleet) -> None:
    fleet.visit()
    fleet.send(1, expires=0.001)
    fleet.send(2)
    with fleet.server() as process:
        process.wait_for("began 2")
        (expired,) = await fleet.take(EXPIRED)
    assert expired.envelope.headers["x-first-death-reason"] == "expired"
    assert await fleet.count(LETTERS) == 0


async def test_two_processes_of_a_server_do_each_command_once(fleet: Fleet, reader: Reader) -> None:
    with fleet.server() as first, fleet.server():
        fleet.send(*range(10))
        for _ in range(10):
            await reader.next()
        first.signal(signal.SIGTERM)
        assert first.wait() == 0
        fleet.send(*range(10, 20))
        for _ in range(10):
            await reader.next()
        assert len(first.lines) > 10, "it did all of the first ten"
    assert [n for n, _, _ in fleet.attempts] == list(range(20))


async def test_a_key_that_it_has_no_more_is_unbound(fleet: Fleet) -> None:
    fleet.visit()
    async with fleet.session() as (transport, _):
        await transport.declare(Topology(bindings=[Binding(QUEUE, "baton_patch_in", "staging")]))
    fleet.api.publish({"type": "patch", "n": 1}, "staging")
    with fleet.server() as process:
        process.wait_for('nobody listens on "staging" any more')
        fleet.send(2)
        process.wait_for("began 2")
        await fleet.until_unroutable("staging")
    assert [n for n, _, _ in fleet.attempts] == [2]


async def test_another_type_of_queue_says_what_to_do(vhost: Vhost, fleet: Fleet) -> None:
    fleet.visit()
    kind = fleet.configuration.durable_queues
    other = "classic" if kind == "quorum" else "quorum"
    arguments = (fleet.url, "/dev/null", json.dumps({**QUICK, "durable_queues": other}))
    with script(Path(patching.__file__), *arguments) as process:
        line = process.wait_for("trying again")
        assert f"exists with x-queue-type={kind}, Baton needs x-queue-type={other}" in line
        assert "DURABLE_QUEUES" in line
        for queue in (QUEUE, LETTERS):
            vhost.delete_queue(queue)
        process.wait_for("phase ready")


async def test_a_broker_that_is_killed_keeps_what_waits(
    rabbitmq: Broker, fleet: Fleet, reader: Reader
) -> None:
    fleet.visit()
    # RabbitMQ writes down late which quorum queues there are: one that is killed within seconds of
    # the first declaration forgets it. In good order it writes.
    await asyncio.to_thread(rabbitmq.restart)
    fleet.send(*range(100), expires=600)
    await asyncio.to_thread(rabbitmq.kill)
    await asyncio.to_thread(rabbitmq.start)
    with fleet.server():
        said = {(await reader.next())["message"] for _ in range(100)}
    assert said == {f"patched {n}" for n in range(100)}
    assert [n for n, _, _ in fleet.attempts] == list(range(100))
