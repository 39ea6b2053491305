"""Faults of a cluster of three nodes, with a thousand commands in flight.

Default settings, and a pool of all three hosts. What is measured is the fail-over: the seconds from
the fault, which is not healed meanwhile, until every server answers again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import pytest

from brokers import Cluster, Vhost, fresh_vhost
from faults.scenario import MakeScenario

CLOSED: Final = 5.0
"""Seconds within which every server answers again when its socket was closed."""
FROZEN: Final = 25.0
"""The same, when only a pulse can tell."""
FLEET: Final[dict[str, Any]] = {"cluster": True}
"""The settings of a fleet on a cluster: the default ones, and quorum queues."""
TIMES: Final = 3
"""Repetitions, each with chance of its own."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def vhost(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Vhost]:
    """A virtual host that no other test uses, on all nodes."""
    with fresh_vhost(cluster, request.node.name) as vhost:
        yield vhost


@pytest.mark.parametrize("number", range(TIMES))
async def test_a_node_is_killed(cluster: Cluster, scenario: MakeScenario, number: int) -> None:
    node = cluster.nodes[number]
    async with scenario("a node is killed", settings=FLEET) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(node.kill)
        await run.answers_again(CLOSED)
        verdict = await run.verdict()
    assert verdict.violations == []


@pytest.mark.parametrize("number", range(TIMES))
async def test_a_node_freezes(cluster: Cluster, scenario: MakeScenario, number: int) -> None:
    node = cluster.nodes[number]
    async with scenario("a node freezes", settings=FLEET) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(node.pause)
        await run.answers_again(FROZEN)
        verdict = await run.verdict()
    assert verdict.violations == []
