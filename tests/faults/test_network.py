"""Faults of the network, with a thousand commands in flight.

The services are at the end of a bad line, or those who ask and look on are, or all of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from typing import Any, Final

import pytest

from baton import Configuration, Server
from baton.link import Link, Phase
from brokers import Vhost
from faults.history import History
from faults.patience import PATIENCE
from faults.scenario import QUICK, Load, MakeScenario
from faults.work import WorkMonitor, WorkService
from integration.running import WEB01, ask, running
from lines import Line, Pace, Way

AGAIN: Final = 10.0 * PATIENCE
"""Seconds within which every server answers again."""
BUSY: Final = 20.0 * PATIENCE
"""Seconds in which every connection was re-made."""
NOTICED: Final = (QUICK["pulse"] + QUICK["deadline"] + 0.5) * PATIENCE
"""Seconds within which a dead connection is noticed, with quick settings."""
DEFAULT_NOTICED: Final = 20.0
"""The same with default settings."""
DEFAULT_AGAIN: Final = 15.0 * PATIENCE
LONG: Final = 8.0
"""Seconds of a fault that lasts longer than a command may wait."""
BAD_WAYS: Final = [(Way.UP,), (Way.DOWN,), (Way.UP, Way.DOWN)]
BAD_WAY_NAMES: Final = ["to the broker", "from the broker", "both ways"]


@pytest.fixture
async def line(vhost: Vhost, fault_seed: int) -> AsyncIterator[Line]:
    """A line to the virtual host of this test, which is good until the test makes it bad."""
    async with Line(vhost.url, fault_seed) as line:
        yield line


@pytest.fixture
def at_services(line: Line) -> dict[str, Any]:
    """Options of a scenario whose services are at the end of the line, and nobody else."""
    return {"service_settings": {**QUICK, "rabbit_url": line.end}}


@pytest.fixture
def at_requester(line: Line, vhost: Vhost) -> dict[str, Any]:
    """Options of a scenario whose requester, monitor and probes are at the end of the line."""
    return {"url": line.end, "service_settings": {**QUICK, "rabbit_url": vhost.url}}


@pytest.mark.quick
async def test_cut_by_a_reset(line: Line, scenario: MakeScenario) -> None:
    async with scenario("cut for 2 s, reset", url=line.end) as run:
        await run.in_flight()
        with run.fault():
            await line.cut(reset=True)
            await run.reach(Phase.READY, NOTICED, away=True)
            await asyncio.sleep(2)
            await line.mend()
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


async def test_cut_in_good_order(line: Line, scenario: MakeScenario) -> None:
    async with scenario("cut for 8 s, closed", url=line.end) as run:
        await run.in_flight()
        with run.fault():
            await line.cut()
            await run.reach(Phase.READY, NOTICED, away=True)
            await asyncio.sleep(LONG)
            await line.mend()
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


async def test_cut_again_and_again(line: Line, scenario: MakeScenario) -> None:
    """Whatever is under way at the moment: handshakes, declarations, confirms."""
    async with scenario("reset at 30 random moments", url=line.end) as run:
        await run.in_flight(0.1)
        with run.fault():
            for _ in range(30):
                await line.drop(reset=run.random.random() < 0.5)
                await asyncio.sleep(run.random.uniform(0, 0.4))
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


@pytest.mark.parametrize("ways", BAD_WAYS, ids=BAD_WAY_NAMES)
async def test_half_open_at_the_services(
    line: Line, at_services: dict[str, Any], scenario: MakeScenario, ways: tuple[Way, ...]
) -> None:
    title = f"half open {BAD_WAY_NAMES[BAD_WAYS.index(ways)]}, services"
    async with scenario(title, **at_services) as run:
        await run.in_flight()
        with run.fault():
            line.swallow(*ways)
            await run.reach(Phase.READY, NOTICED, away=True)
            await asyncio.sleep(2)
            await line.mend()
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


@pytest.mark.parametrize("ways", BAD_WAYS, ids=BAD_WAY_NAMES)
async def test_half_open_at_who_asks(
    line: Line, at_requester: dict[str, Any], scenario: MakeScenario, ways: tuple[Way, ...]
) -> None:
    title = f"half open {BAD_WAY_NAMES[BAD_WAYS.index(ways)]}, requester and monitor"
    async with scenario(title, **at_requester) as run:
        await run.in_flight()
        with run.fault():
            line.swallow(*ways)
            await asyncio.sleep(5)
            await line.mend()
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


async def test_frozen_and_let_go(
    line: Line, at_services: dict[str, Any], scenario: MakeScenario
) -> None:
    """What was held comes late, over connections that were given up: nothing of it is done."""
    async with scenario("frozen for 8 s and let go, services", **at_services) as run:
        await run.in_flight()
        with run.fault():
            line.freeze()
            await run.reach(Phase.READY, NOTICED, away=True)
            await asyncio.sleep(LONG)
            await line.mend()
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


async def test_forgotten_by_a_firewall(line: Line, scenario: MakeScenario) -> None:
    """The broker still believes in the old connections, and nobody mends anything. The monitor
    cannot come back before the broker has noticed, which its heartbeats tell it."""
    settings = {**QUICK, "rabbit_heartbeat": 2}
    async with scenario(
        "forgotten by a firewall", url=line.end, settings=settings, service_settings=settings
    ) as run:
        await run.in_flight()
        with run.fault():
            line.swallow(new=False)
            # Each is ready again soon after: never all of them are away.
            await run.reach(Phase.READY, NOTICED, away=True, one=True)
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


async def test_heartbeats_alone_are_lost(line: Line, scenario: MakeScenario) -> None:
    """What else is sent says as much: no connection is made anew."""
    settings = {**QUICK, "rabbit_heartbeat": 2, "rabbit_url": line.end}
    async with scenario(
        "heartbeats are lost, nothing else, services", service_settings=settings
    ) as run:
        with run.fault():
            line.drop_heartbeats()
            await run.in_flight(0.9)
        assert len(line.attempts) == 2 * run.load.servers
        await line.mend()
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


async def test_slow(vhost: Vhost, line: Line, scenario: MakeScenario) -> None:
    """10 KB/s each way for each connection, and half a second of latency: no reason to doubt it."""
    settings = {"pulse": 3.0, "rabbit_url": line.end}
    line.slow(Pace(rate=10_000, latency=0.5, jitter=0.1))
    async with scenario(
        "10 KB/s, 0.5 s latency, services",
        settings={},
        service_settings=settings,
        load=Load(expires=20),
    ) as run:
        with run.fault():
            await run.in_flight(0.9)
        assert len(line.attempts) == 2 * run.load.servers
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []
    assert verdict.missing == ()
    assert verdict.duplicated_outputs == 0


async def test_dripping(line: Line, at_services: dict[str, Any], scenario: MakeScenario) -> None:
    line.slow(Pace(piece=40))
    async with scenario("frames in pieces of 1 to 40 bytes, services", **at_services) as run:
        with run.fault():
            await run.in_flight(0.9)
        verdict = await run.verdict()
    assert verdict.violations == []
    assert verdict.missing == ()
    assert verdict.duplicated_outputs == 0


async def test_byte_by_byte(line: Line, vhost: Vhost) -> None:
    """Handshakes, declarations, a command and its answer."""
    line.slow(Pace(piece=1))
    configuration = Configuration(rabbit_url=line.end)
    async with running(configuration):
        for url in (vhost.url, line.end):
            replies = await ask(Configuration(rabbit_url=url), {"type": "ping"}, WEB01.fqdn)
            assert [reply.message.type for reply in replies] == ["pong"]
    assert len(line.attempts) == 3


@pytest.mark.parametrize("way", list(Way), ids=["to the broker", "from the broker"])
async def test_damaged(
    line: Line, at_services: dict[str, Any], scenario: MakeScenario, way: Way
) -> None:
    """One bit: in the end of a frame, its type, its channel, or its size."""
    async with scenario(f"a bit is flipped {way}, services", **at_services) as run:
        with run.fault():
            for number, position in enumerate((-1, 0, 2, 3, 6, -1), 1):
                await run.in_flight(number / 8)
                before = len(line.attempts)
                assert line.damage(way, position) > 0
                await run.reach(Phase.READY, AGAIN, away=True, one=True)
                await run.reach(Phase.READY, BUSY)
                assert len(line.attempts) > before
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


async def _noticed(links: Iterable[Link], began: float) -> list[float]:
    """Wait until none of *links* is ready any more: after how many seconds each was not."""

    async def gone(link: Link) -> float:
        async with asyncio.timeout(60):
            while link.state.phase is Phase.READY:  # noqa: ASYNC110  (its one watcher is taken)
                await asyncio.sleep(0.05)
        return time.monotonic() - began

    return list(await asyncio.gather(*map(gone, links)))


async def test_half_open_with_default_settings(line: Line, scenario: MakeScenario) -> None:
    async with scenario("half open both ways, default settings", url=line.end, settings={}) as run:
        channels = [service.channel for service in run.services.values()]
        await run.in_flight()
        with run.fault():
            line.swallow()
            links = [link for each in channels for link in (each._inbound, each._outbound)]
            noticed = await _noticed(links, time.monotonic())
            await line.mend()
        assert max(noticed) <= DEFAULT_NOTICED
        await run.answers_again(DEFAULT_AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


async def test_an_idle_line_dies_with_default_settings(
    vhost: Vhost, fault_seed: int, request: pytest.FixtureRequest
) -> None:
    """Each connection of a service and of a monitor is known to be dead within 20 s, whichever way
    is, and whether what is sent is lost or held. All of them at the same time."""

    async def one(name: str, ways: tuple[Way, ...], how: str) -> None:
        async with AsyncExitStack() as stack:
            line = await stack.enter_async_context(Line(vhost.url, fault_seed))
            configuration = Configuration(rabbit_url=line.end)
            slug = f"{how} {name}".replace(" ", "-")
            service = WorkService(configuration, Server(f"{slug}.example.org", "x"), History())
            monitor = WorkMonitor(configuration, History())
            monitor.instance = slug
            await service.start()
            stack.push_async_callback(service.stop, 0)
            await monitor.start(lambda _: None)
            stack.push_async_callback(monitor.stop)
            assert monitor._link is not None
            links = [service.channel._inbound, service.channel._outbound, monitor._link]
            await _until_ready(links)
            getattr(line, how)(*ways)
            seconds = await _noticed(links, time.monotonic())
            text = ", ".join(f"{each:.1f} s" for each in seconds)
            text = f"{how} {name}: consuming, publishing, monitoring noticed after {text}"
            request.node.add_report_section("call", "noticed", text)
            assert max(seconds) <= DEFAULT_NOTICED, text
            await line.mend()
            await _until_ready(links)

    async with asyncio.TaskGroup() as group:
        for how in ("swallow", "freeze"):
            for name, ways in zip(BAD_WAY_NAMES, BAD_WAYS, strict=True):
                group.create_task(one(name, ways, how))


async def _until_ready(links: Iterable[Link]) -> None:
    async with asyncio.timeout(60):
        for link in links:
            while link.state.phase is not Phase.READY:  # noqa: ASYNC110  (its one watcher is taken)
                await asyncio.sleep(0.05)
