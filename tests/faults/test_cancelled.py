"""The broker cancels consumers, or moves what they consume, with commands in flight.

RabbitMQ 4 cancels a consumer when its queue is deleted, by whomever, and when the node goes that
alone has it. No policy does, nor does a quorum queue whose leader moves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from baton.link import Phase
from brokers import Cluster, Vhost, fresh_vhost
from faults.scenario import QUICK, Load, MakeScenario, Scenario
from faults.work import EXTENSION

AGAIN: Final = 20.0
"""Seconds within which every server answers again."""
ELSEWHERE: Final = 30.0
"""… in a cluster that has to agree on it."""
LOAD: Final = Load(commands=200, servers=4, under_way=10, takes=0.02, expires=15.0)
"""A server has few commands to do before a probe, which expires soon."""
NOTICE: Final = 10.0
"""Seconds for which a service may be deaf without knowing: it has commands to do before a probe."""
CANCELLED: Final = "the broker cancelled the consumer"
MONITOR: Final = f"{EXTENSION}-monitor.faults"
DURABLE: Final[dict[str, Any]] = {"load": LOAD, "durable": True, "notice": NOTICE}


@pytest.fixture
def cluster_vhost(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Vhost]:
    """A virtual host that no other test uses, on all nodes."""
    with fresh_vhost(cluster, request.node.name) as vhost:
        yield vhost


def queues(run: Scenario) -> list[str]:
    """The durable queues of its servers."""
    return [f"{EXTENSION}.{name}.{name}" for name in run.load.names]


@pytest.mark.parametrize("kind", ["quorum", "classic"])
async def test_queues_of_durable_consumers_deleted(
    vhost: Vhost, scenario: MakeScenario, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """By an operator, one after the other; what waited in them is lost."""
    caplog.set_level(logging.WARNING, "baton")
    title = f"the queues of durable consumers deleted ({kind})"
    settings = {**QUICK, "durable_queues": kind}
    async with scenario(title, settings=settings, deletes=True, **DURABLE) as run:
        await run.in_flight()
        with run.fault():
            for name in queues(run):
                await asyncio.to_thread(vhost.delete_queue, name)
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []
    assert caplog.text.count(CANCELLED) >= LOAD.servers


@pytest.mark.parametrize("policy", [{"max-length": 100_000}, {"expires": 60_000}], ids=str)
async def test_a_policy_cancels_nothing(
    vhost: Vhost,
    scenario: MakeScenario,
    caplog: pytest.LogCaptureFixture,
    policy: dict[str, int],
) -> None:
    """One that an operator gives to all queues, and takes away again."""
    caplog.set_level(logging.WARNING, "baton")
    async with scenario(f"a policy: {next(iter(policy))}", **DURABLE) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(vhost.api.set_policy, vhost.name, "all", ".*", policy)
            await run.answers_again(AGAIN)
            await asyncio.to_thread(vhost.api.delete_policy, vhost.name, "all")
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []
    assert verdict.done == LOAD.commands
    assert CANCELLED not in caplog.text


@pytest.mark.timeout(300)
async def test_leaders_of_quorum_queues_move(
    cluster: Cluster,
    cluster_vhost: Vhost,
    scenario: MakeScenario,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Those of the monitor and of durable consumers, to each node in turn; nobody is cancelled."""
    caplog.set_level(logging.WARNING, "baton")
    settings = {"cluster": True, "durable_queues": "quorum"}
    title = "leaders of quorum queues move"
    async with scenario(title, url=cluster_vhost.url, settings=settings, **DURABLE) as run:
        await run.in_flight()
        with run.fault():
            for node in cluster.nodes:
                for name in [MONITOR, *queues(run)]:
                    await asyncio.to_thread(cluster.lead, cluster_vhost.name, name, node)
        await run.answers_again(ELSEWHERE)
        verdict = await run.verdict()
    assert verdict.violations == []
    assert CANCELLED not in caplog.text


@pytest.mark.timeout(400)
async def test_the_only_node_of_a_durable_queue_goes(
    cluster: Cluster,
    cluster_vhost: Vhost,
    scenario: MakeScenario,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its consumer, on another node, is cancelled, and says that it is not ready until the node is
    back; so does what waits there."""
    caplog.set_level(logging.WARNING, "baton")
    home, *others = cluster.nodes
    url = cluster_vhost.url.replace(cluster.hosts, ",".join(node.hosts for node in others))
    settings = {"cluster": True, "durable_queues": "classic"}
    title = "the only node of durable queues is killed, and comes back"
    options = DURABLE | {"load": replace(LOAD, expires=90.0)}  # none expires meanwhile
    async with scenario(title, url=url, settings=settings, **options) as run:
        await run.in_flight()
        there = [
            name
            for name in queues(run)
            if await asyncio.to_thread(cluster.leader_of, cluster_vhost.name, name) is home
        ]
        with run.fault():
            await asyncio.to_thread(home.kill)
            if there:
                await run.reach(Phase.READY, ELSEWHERE, away=True, one=True)
            await asyncio.to_thread(home.start)
            await asyncio.to_thread(cluster.wait_until_ready)
        await run.answers_again(ELSEWHERE)
        verdict = await run.verdict()
    assert verdict.violations == []
    assert caplog.text.count(CANCELLED) >= len(there) > 0
