"""A thousand servers that are made up, on a real RabbitMQ, asked in every way.

To start them takes longer than what they are asked; so they are started once.
"""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from baton import Collection, Collector, Request
from baton.fleet import Expected
from baton_ping.extension import extension
from brokers import Broker, Vhost, fresh_vhost
from integration.running import Process, command, process

SERVERS = 1000
NAMES = [f"sim{number:05}.example.org" for number in range(1, SERVERS + 1)]
LONG = 45
"""Seconds that no test waits: what ends earlier did so because it was complete."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def vhost(rabbitmq: Broker) -> Iterator[Vhost]:
    """The virtual host of all of them."""
    with fresh_vhost(rabbitmq, "thousand") as vhost:
        yield vhost


@pytest.fixture(scope="module", autouse=True)
def fleet(vhost: Vhost) -> Iterator[Process]:
    """The process that they are all in, ready."""
    arguments = ("run", "ping", "--url", vhost.url, "--simulate", str(SERVERS))
    with process(*arguments, "--environments", "production", program="baton") as started:
        started.wait_for("ready since", timeout=200)
        yield started


def test_they_are_soon_ready(fleet: Process) -> None:
    assert fleet.used() < 15
    (line,) = [line for line in fleet.lines if "ready since" in line]
    assert re.search(r"1,000 simulated servers.*, [\d.]+ s after the start", line)


async def test_they_answer_one_ping_each_exactly_once(vhost: Vhost) -> None:
    said: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    async with Collector(vhost.configuration(), extension) as collector:
        await collector.send({"type": "ping"}, ["production"])
        async for reply in collector.replies(30):
            said[reply.fqdn] += reply.is_output
            ended[reply.fqdn] += reply.end is not None
            if ended.total() == SERVERS:
                break
    assert len(said) == SERVERS
    assert set(said.values()) == {1}
    assert set(ended.values()) == {1}


async def test_a_collection_ends_when_the_last_has_answered(vhost: Vhost) -> None:
    request = Request(
        message={"type": "ping"},
        targets=("production",),
        expected=Expected(number=SERVERS),
        timeout=LONG,
    )
    async with Collection(vhost.configuration(), extension, request) as collecting:
        replies = [reply async for reply in collecting]
    result = collecting.result()
    assert sorted(reply.fqdn for reply in replies) == NAMES
    assert result.complete
    assert result.succeeded
    assert (result.answered, result.replies, result.duplicates) == (SERVERS, SERVERS, ())
    assert result.took < LONG
    assert result.latency is not None
    assert result.latency.count == SERVERS


def test_a_command_ends_when_the_last_has_answered(vhost: Vhost) -> None:
    options = ("--expect", str(SERVERS), "--timeout", str(LONG), "--url", vhost.url)
    ended = command("ping", "production", *options)
    names = command("ping", "--all", "--names", *options)
    assert ended.code == 0, ended.err
    assert "\n1,000 of 1,000 servers answered in " in ended.out
    assert ended.out.count(" ms  production ") == SERVERS
    assert sorted(names.out.splitlines()) == NAMES


def test_they_end_in_good_order(fleet: Process) -> None:
    fleet.signal(signal.SIGTERM)
    assert fleet.wait() == 0
    assert "Traceback" not in "\n".join(fleet.lines)
