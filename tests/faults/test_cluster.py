"""Faults of a cluster of three nodes, with a thousand commands in flight.

Default settings, and a pool of all three hosts, on which clients spread by chance. What is measured
where a node is lost is the fail-over: the seconds from the loss, which nobody mends meanwhile,
until every server answers on another node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import pytest

from baton import Collection
from baton.extension import find_extension
from baton.fleet import Expected, Request
from brokers import Cluster, Vhost, fresh_vhost
from faults.scenario import MakeScenario
from faults.work import EXTENSION

CLOSED: Final = 15.0
"""Seconds within which every server answers again when its socket was closed: what a busy machine
keeps. docs/guarantees.md has what was measured."""
FROZEN: Final = 40.0
"""The same, when only a pulse can tell."""
FLEET: Final[dict[str, Any]] = {"cluster": True}
"""The settings of a fleet on a cluster: the default ones, and quorum queues."""
TIMES: Final = 3
"""Repetitions, each with chance of its own, and another node."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def vhost(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Vhost]:
    """A virtual host that no other test uses, on all nodes."""
    with fresh_vhost(cluster, request.node.name) as vhost:
        yield vhost


@pytest.mark.parametrize("number", range(TIMES))
async def test_a_node_is_killed(cluster: Cluster, scenario: MakeScenario, number: int) -> None:
    async with scenario("a node is killed", settings=FLEET) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(cluster.nodes[number].kill)
        await run.answers_again(CLOSED)
        verdict = await run.verdict()
    assert verdict.violations == []


@pytest.mark.parametrize("number", range(TIMES))
async def test_a_node_freezes(cluster: Cluster, scenario: MakeScenario, number: int) -> None:
    async with scenario("a node freezes", settings=FLEET) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(cluster.nodes[number].pause)
        await run.answers_again(FROZEN)
        verdict = await run.verdict()
    assert verdict.violations == []


async def test_a_node_without_clients_is_killed(
    cluster: Cluster, vhost: Vhost, scenario: MakeScenario
) -> None:
    """It has a copy of each quorum queue, and may lead it."""
    others = ",".join(node.hosts for node in cluster.nodes[:2])
    url = vhost.url.replace(cluster.hosts, others)
    async with scenario("a node without clients is killed", settings=FLEET, url=url) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(cluster.nodes[2].kill)
        await run.answers_again(CLOSED)
        verdict = await run.verdict()
    assert verdict.violations == []


async def test_the_leader_of_the_queue_of_the_monitor_is_killed(
    cluster: Cluster, vhost: Vhost, scenario: MakeScenario
) -> None:
    queue = f"{EXTENSION}-monitor.faults"
    async with scenario("the leader of the monitor's queue is killed", settings=FLEET) as run:
        await run.in_flight()
        leader = await asyncio.to_thread(cluster.leader_of, vhost.name, queue)
        with run.fault():
            await asyncio.to_thread(leader.kill)
        await run.answers_again(CLOSED)
        verdict = await run.verdict()
    assert verdict.violations == []


async def test_rolling_restart(cluster: Cluster, scenario: MakeScenario) -> None:
    async with scenario("one node restarts after the other", settings=FLEET) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(cluster.restart)
        await run.answers_again(CLOSED)
        verdict = await run.verdict()
    assert verdict.violations == []


async def test_partition(cluster: Cluster, scenario: MakeScenario) -> None:
    """The smaller side cannot declare anything any more: its clients go to the other one."""
    node = cluster.nodes[1]
    async with scenario("a node is cut off from the others", settings=FLEET) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(cluster.cut_off, node)
        await run.answers_again(FROZEN)
        await asyncio.to_thread(cluster.join_again, node)
        await run.answers_again(FROZEN)
        verdict = await run.verdict()
    assert verdict.violations == []


@pytest.mark.parametrize("how", ["kill", "pause"])
async def test_requesters_take_another_host(
    cluster: Cluster, scenario: MakeScenario, how: str
) -> None:
    """Whichever host of the pool they begin with."""
    node = cluster.nodes[0]
    async with scenario(f"requesters after a {how}", settings=FLEET) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(getattr(node, how))
        await run.answers_again(FROZEN)
        for _ in range(5):
            request = Request(
                message={"type": "probe"},
                targets=("production",),
                expected=Expected(names=frozenset(run.load.names)),
            )
            extension = find_extension(EXTENSION)
            async with Collection(run.own, extension, request) as collection:
                answered = {reply.fqdn async for reply in collection}
            assert answered == set(run.load.names)
        verdict = await run.verdict()
    assert verdict.violations == []
