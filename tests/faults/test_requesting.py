"""Who asks over a bad line: the answer comes in time, says what is known, and nothing is done
twice. The settings are the defaults, but for a shorter deadline."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import pytest

from baton import API, Collector, Configuration, Consumer, Message, Monitor, Server, Service
from baton.errors import BatonError, BrokerUnavailable, PublishTimeout
from baton.extension import find_extension
from baton.link import Phase
from brokers import Vhost
from brokers.waiting import wait_until
from faults.patience import PATIENCE
from faults.work import EXTENSION
from integration.running import WEB01, command, running
from lines import Greeting, Line, Pace, Way

DEADLINE: Final = 2.0
LATE: Final = 1.0 * PATIENCE
"""Seconds that an answer may be late."""
BAD_WAYS: Final = [(Way.UP,), (Way.DOWN,), (Way.UP, Way.DOWN)]
BAD_WAY_NAMES: Final = ["to the broker", "from the broker", "both ways"]
half_open = pytest.mark.parametrize("ways", BAD_WAYS, ids=BAD_WAY_NAMES)


class _Counter(Consumer):
    """Counts what it runs."""

    def __init__(self, server: Server, runs: Counter[str]) -> None:
        super().__init__(server.fqdn, server)
        self._runs = runs

    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    async def process_message(self, message: Message) -> None:
        self._runs[str(message.message_id)] += 1
        self.notify({"type": "counted"})


class _Counting(Service):
    extension = EXTENSION

    def __init__(self, configuration: Configuration, server: Server | None = None) -> None:
        super().__init__(configuration, server)
        self.runs: Counter[str] = Counter()

    def setup_consumers(self) -> None:
        self.add_consumer(_Counter(self.server, self.runs))


class _CountingAPI(API):
    extension = EXTENSION


@pytest.fixture
async def line(vhost: Vhost, fault_seed: int) -> AsyncIterator[Line]:
    async with Line(vhost.url, fault_seed) as line:
        yield line


@pytest.fixture
async def runs(vhost: Vhost) -> AsyncIterator[Counter[str]]:
    """How often each command was run by a service that has a good line."""
    async with running(vhost.configuration(), kind=_Counting) as service:
        assert isinstance(service, _Counting)
        yield service.runs


@pytest.fixture
async def api(line: Line) -> AsyncIterator[_CountingAPI]:
    """An API at the end of the line. Its thread ends by itself where closing takes too long."""
    api = _CountingAPI(Configuration(rabbit_url=line.end, deadline=DEADLINE))
    yield api
    await line.mend()
    await asyncio.to_thread(api.close)


async def _publish(api: _CountingAPI, expires: float | None = None) -> tuple[str, float]:
    """What came of one publish: the id or the class of the error; and after how many seconds."""
    began = time.monotonic()
    try:
        found = await asyncio.to_thread(api.publish, {"type": "x"}, WEB01.fqdn, expires=expires)
    except (PublishTimeout, BrokerUnavailable) as error:
        found = type(error).__name__
    return found, time.monotonic() - began


async def _works_again(api: _CountingAPI, runs: Counter[str]) -> str:
    """Publish until it is taken: at the latest, the second does."""
    found, _ = await _publish(api)
    if found in {"PublishTimeout", "BrokerUnavailable"}:
        found, _ = await _publish(api)
    assert await asyncio.to_thread(wait_until, lambda: found in runs, 10), found
    return found


@pytest.mark.parametrize(
    "ways",
    [*BAD_WAYS[:-1], pytest.param(BAD_WAYS[-1], marks=pytest.mark.quick)],
    ids=BAD_WAY_NAMES,
)
async def test_an_api_whose_connection_dies(
    line: Line, api: _CountingAPI, runs: Counter[str], ways: tuple[Way, ...]
) -> None:
    first = await _works_again(api, runs)
    line.swallow(*ways)
    found, seconds = await _publish(api)
    assert found == "PublishTimeout"  # sent, and nobody knows
    assert seconds < DEADLINE + LATE
    found, seconds = await _publish(api)
    assert found in {"PublishTimeout", "BrokerUnavailable"}
    assert seconds < DEADLINE + LATE
    await line.mend()
    last = await _works_again(api, runs)
    assert runs[first] == runs[last] == 1
    assert set(runs.values()) == {1}
    assert len(runs) <= 4


@half_open
async def test_an_api_that_cannot_connect(
    line: Line, api: _CountingAPI, runs: Counter[str], ways: tuple[Way, ...]
) -> None:
    line.swallow(*ways)
    found, seconds = await _publish(api)
    assert found == "BrokerUnavailable"  # never sent
    assert seconds < DEADLINE + LATE
    await line.mend()
    last = await _works_again(api, runs)
    assert runs == {last: 1}


@pytest.mark.parametrize("greeting", [Greeting.RESET, Greeting.CLOSED, Greeting.LEFT_SILENT])
async def test_an_api_whose_broker_takes_nobody(
    line: Line, api: _CountingAPI, runs: Counter[str], greeting: Greeting
) -> None:
    line.greeting = greeting
    found, seconds = await _publish(api)
    assert found == "BrokerUnavailable"
    assert seconds < DEADLINE + LATE
    assert len(line.attempts) < 10
    await line.mend()
    last = await _works_again(api, runs)
    assert runs == {last: 1}


async def test_an_api_far_away(line: Line, runs: Counter[str]) -> None:
    """Its first publish ends before it is connected, which goes on: the next one is done."""
    line.slow(Pace(latency=0.5))
    api = _CountingAPI(Configuration(rabbit_url=line.end))
    try:
        await _works_again(api, runs)
        found = await _works_again(api, runs)
        assert len(line.attempts) == 1
        assert runs[found] == 1
    finally:
        await asyncio.to_thread(api.close)


@half_open
async def test_a_collector_whose_connection_dies(
    line: Line, runs: Counter[str], ways: tuple[Way, ...]
) -> None:
    configuration = Configuration(rabbit_url=line.end, deadline=DEADLINE)
    async with Collector(configuration, find_extension(EXTENSION)) as collector:
        line.swallow(*ways)
        began = time.monotonic()
        with pytest.raises(BatonError, match=r"does not answer|did not confirm"):
            await collector.send({"type": "x"}, [WEB01.fqdn])
        assert time.monotonic() - began < 2 * DEADLINE + LATE
        with suppress(BatonError):
            assert [reply async for reply in collector.replies(0.5)] == []
    await line.mend()
    async with Collector(configuration, find_extension(EXTENSION)) as collector:
        await collector.send({"type": "x"}, [WEB01.fqdn])
        replies = [reply async for reply in collector.replies(10)]
    assert [reply.fqdn for reply in replies] == [WEB01.fqdn]
    assert set(runs.values()) == {1}


async def test_a_collector_far_away(line: Line, runs: Counter[str]) -> None:
    line.slow(Pace(latency=0.5))
    configuration = Configuration(rabbit_url=line.end, deadline=DEADLINE)
    async with Collector(configuration, find_extension(EXTENSION)) as collector:
        await collector.send({"type": "x"}, [WEB01.fqdn])
        replies = [reply async for reply in collector.replies(10)]
    assert [reply.fqdn for reply in replies] == [WEB01.fqdn]
    assert len(line.attempts) == 1


async def test_a_monitor_far_away(vhost: Vhost, line: Line) -> None:
    """It takes more than a deadline to lock, declare and consume, and each answer comes in time."""
    line.slow(Pace(latency=0.5))
    seen: asyncio.Queue[Message] = asyncio.Queue()

    class Far(Monitor):
        extension = EXTENSION

        def process_message(self, message: Message) -> None:
            seen.put_nowait(message)

    async with running(vhost.configuration(), kind=_Counting) as service:
        monitor = Far(Configuration(rabbit_url=line.end), "far")
        ready = asyncio.Event()
        await monitor.start(lambda state: ready.set() if state.phase is Phase.READY else None)
        try:
            async with asyncio.timeout(40):
                await ready.wait()
                service.channel.managers[0].consumer.notify_info("heard far away")
                assert (await seen.get())["message"] == "heard far away"
        finally:
            await monitor.stop()
    assert len(line.attempts) == 1


@pytest.mark.parametrize(
    "arguments", [("ping", WEB01.fqdn), ("send", "ping", WEB01.fqdn, '{"type": "ping"}')]
)
@half_open
async def test_commands_on_a_half_open_line(
    vhost: Vhost, line: Line, arguments: tuple[str, ...], ways: tuple[Way, ...]
) -> None:
    async with running(vhost.configuration()):
        line.swallow(*ways)
        ended = await asyncio.to_thread(
            command, *arguments, "--url", line.end, BATON_DEADLINE=str(DEADLINE)
        )
    assert ended.code == 3, ended.err
    assert "no answer" in ended.err
    assert "Traceback" not in ended.err
    assert ended.seconds < 2 * DEADLINE + 10  # it starts a Python, too
