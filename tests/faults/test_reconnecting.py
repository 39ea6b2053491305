"""A hundred services, with default settings, whose broker goes away and comes back at once."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pika
import pytest
from pika.exceptions import AMQPError

from baton import Configuration
from brokers import Broker, Vhost
from brokers.ports import speaks_amqp
from brokers.waiting import wait_until
from faults.conftest import ROWS
from faults.patience import PATIENCE
from faults.reconnecting import Fleet, percentile
from faults.report import Row, keep
from integration.running import ask
from lines import Greeting, Line

SERVICES: Final = 100
PROCESSES: Final = 4
CONNECTIONS: Final = 2 * SERVICES
P95: Final = 4.0
"""Seconds after which 95 of 100 services are ready again, on a machine that has room for them."""
FIRST: Final = 5 * CONNECTIONS
"""Attempts in any second, at most: pauses below 0.1, 0.2, 0.4 and 0.8 s come first."""
LATER: Final = 3 * CONNECTIONS // 2
"""Attempts in a second when an outage has gone on for so many seconds as :data:`SETTLED`: pauses
of 1.5 s on the average make two thirds of CONNECTIONS, unevenly."""
SETTLED: Final = 5
OUTAGE: Final = 10.0

Act = Callable[[], Awaitable[float]]


@pytest.fixture
async def line(vhost: Vhost, fault_seed: int) -> AsyncIterator[Line]:
    async with Line(vhost.url, fault_seed) as line:
        yield line


@pytest.fixture
async def fleet(line: Line) -> AsyncIterator[Fleet]:
    async with Fleet(line.end, SERVICES, PROCESSES) as fleet:
        await fleet.ready(60)
        yield fleet


async def _comes_back(
    title: str,
    act: Act,
    line: Line,
    fleet: Fleet,
    request: pytest.FixtureRequest,
    p95: float = P95,
) -> list[float]:
    """Have *act* take the broker away and bring it back: it gives the time when it was back.
    Seconds from there until each service was ready, when each of them has answered, too."""
    began = time.monotonic()
    back = await act()
    ready = [max(0.0, at - back) for at in await fleet.ready(60)]
    attempts = line.attempts.since(began)
    replies = await ask(Configuration(rabbit_url=line.url), {"type": "ping"}, "fleet", timeout=10)
    pongs = {reply.fqdn for reply in replies if reply.message.type == "pong"}
    assert pongs == set(fleet.names)
    request.node.add_report_section(
        "call",
        "reconnecting",
        f"{title}: median {percentile(ready, 0.5):.2f} s, p95 {percentile(ready, 0.95):.2f} s, "
        f"longest {ready[-1]:.2f} s; {len(attempts)} attempts, {attempts.peak()} within the worst "
        f"second, in each: {attempts.per_second()}",
    )
    keep(
        Row(
            group="reconnecting",
            title=f"100 services: {title}",
            commands=SERVICES,
            done=len(pongs),
            recovery=tuple(ready),
        ),
        Path(os.environ[ROWS]),
    )
    assert attempts.peak() <= FIRST
    assert attempts.since(began + SETTLED).peak() <= LATER
    assert percentile(ready, 0.95) <= p95 * PATIENCE
    return ready


async def _is_back(vhost: Vhost) -> float:
    """Wait until the broker takes a connection to *vhost*, and say when it did."""
    broker = vhost.broker

    def takes_one() -> bool:
        if not speaks_amqp(broker.host, broker.port):
            return False
        try:
            with closing(pika.BlockingConnection(pika.URLParameters(vhost.url))):
                return True
        except (AMQPError, OSError):
            return False

    assert await asyncio.to_thread(wait_until, takes_one, 60)
    return time.monotonic()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("how", ["restarted", "killed"])
async def test_the_broker_comes_back(
    rabbitmq: Broker,
    vhost: Vhost,
    line: Line,
    fleet: Fleet,
    request: pytest.FixtureRequest,
    how: str,
) -> None:
    async def act() -> float:
        await asyncio.to_thread(rabbitmq.stop if how == "restarted" else rabbitmq.kill)
        await fleet.away(20)
        async with asyncio.TaskGroup() as group:
            back = group.create_task(_is_back(vhost))
            group.create_task(asyncio.to_thread(rabbitmq.start))
        return back.result()

    await _comes_back(f"the broker was {how}", act, line, fleet, request)


async def test_every_connection_is_reset(
    line: Line, fleet: Fleet, request: pytest.FixtureRequest
) -> None:
    async def act() -> float:
        await line.drop(reset=True)
        back = time.monotonic()
        await fleet.away(20)
        return back

    await _comes_back("each connection was reset at once", act, line, fleet, request)


@pytest.mark.parametrize("greeting", [Greeting.RESET, Greeting.CLOSED, Greeting.LEFT_SILENT])
async def test_nobody_is_taken_for_a_time(
    line: Line, fleet: Fleet, request: pytest.FixtureRequest, greeting: Greeting
) -> None:
    async def act() -> float:
        line.greeting = greeting
        await line.drop()
        await fleet.away(20)
        await asyncio.sleep(OUTAGE)
        await line.mend()
        return time.monotonic()

    title = f"for 10 s each new connection was {greeting}"
    await _comes_back(title, act, line, fleet, request)


async def test_nobody_is_authenticated_for_a_time(
    vhost: Vhost, request: pytest.FixtureRequest, fault_seed: int
) -> None:
    """Then the pauses are longer, up to ten times the longest: this takes a person to mend."""
    api = vhost.api
    name = f"fleet-{fault_seed}"
    api.create_user(name, "secret")
    api.set_permissions(name, vhost.name)
    try:
        url = vhost.url.replace("guest:guest", f"{name}:secret")
        async with Line(url, fault_seed) as line, Fleet(line.end, SERVICES, PROCESSES) as fleet:
            await fleet.ready(60)

            async def act() -> float:
                await asyncio.to_thread(api.create_user, name, "another")
                await line.drop()
                await fleet.away(20)
                before = time.monotonic()
                await asyncio.sleep(OUTAGE)
                refused = line.attempts.since(before)
                assert refused.since(before + SETTLED).peak() <= LATER / 4
                await asyncio.to_thread(api.create_user, name, "secret")
                return time.monotonic()

            title = "for 10 s nobody was authenticated"
            await _comes_back(title, act, line, fleet, request, p95=35)
    finally:
        api.delete_user(name)
