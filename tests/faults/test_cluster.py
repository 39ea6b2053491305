"""Faults of a cluster of three nodes, with a thousand commands in flight.

Default settings, and a pool of all three hosts, on which clients spread by chance. What is measured
where a node is lost is the fail-over: the seconds from the loss, which nobody mends meanwhile,
until every server answers on another node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

import pytest

from baton import API, Collection, Consumer, Message, Server, Service
from baton.errors import PublishFailed
from baton.extension import find_extension
from baton.fleet import Expected, Request
from baton.link import Phase
from brokers import Cluster, Vhost, fresh_vhost
from brokers.cluster import Node
from faults.scenario import MakeScenario, Scenario
from faults.work import ENVIRONMENT, EXTENSION
from integration.running import reach

CLOSED: Final = 15.0
"""Seconds within which every server answers again when its socket was closed: what a busy machine
keeps. docs/guarantees.md has what was measured."""
FROZEN: Final = 40.0
"""The same, when only a pulse can tell."""
FLEET: Final[dict[str, Any]] = {"cluster": True}
"""The settings of a fleet on a cluster: the default ones, and quorum queues."""
COMMANDS: Final = 1000
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
        await end(run, cluster.nodes[number])
        verdict = await run.verdict()
    assert verdict.violations == []


async def end(run: Scenario, node: Node) -> None:
    """End a *node* that hangs, as docs/operating.md says: where RabbitMQ has kept queues of it, a
    command to their servers has RabbitMQ try for seconds to reach the node."""
    with run.fault("the frozen node is ended"):
        await asyncio.to_thread(node.kill)
    await run.answers_again(CLOSED)


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
        with run.fault("it joins again"):
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
                targets=(ENVIRONMENT,),
                expected=Expected(names=frozenset(run.load.names)),
                # A server whose answer before went to a requester on the dead node, too, waits
                # until the broker has given that up.
                timeout=FROZEN,
            )
            extension = find_extension(EXTENSION)
            async with Collection(run.own, extension, request) as collection:
                answered = {reply.fqdn async for reply in collection}
            assert answered == set(run.load.names)
        if how == "pause":
            await end(run, node)
        verdict = await run.verdict()
    assert verdict.violations == []


class DurableConsumer(Consumer):
    """Takes commands that wait for it, and keeps which were done."""

    durable = True

    def __init__(self, server: Server) -> None:
        super().__init__("patch", server)
        self.done: set[int] = set()
        self.changed = asyncio.Event()

    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    async def process_message(self, message: Message) -> None:
        await asyncio.sleep(0.01)
        self.done.add(message["n"])
        self.changed.set()

    async def until(self, condition: Callable[[], bool], timeout: float) -> None:
        async with asyncio.timeout(timeout):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class DurableService(Service):
    extension = "baton-patch"

    def setup_consumers(self) -> None:
        self.add_consumer(DurableConsumer(self.server))


class DurableAPI(API):
    extension = "baton-patch"


def _publish(api: DurableAPI, numbers: range, target: str) -> set[int]:
    """Publish a command for each of *numbers*; those that the broker has confirmed."""
    try:
        api.publish_many([({"type": "patch", "n": n}, target) for n in numbers], expires=600)
    except PublishFailed as failed:
        return {n for at, n in enumerate(numbers) if at not in failed.errors}
    return set(numbers)


async def test_durable_commands_survive_the_node_that_leads_their_queue(
    cluster: Cluster, vhost: Vhost
) -> None:
    """A thousand of them, sent before it is killed and after."""
    server = Server("web01.example.org", ENVIRONMENT)
    configuration = vhost.configuration(**FLEET)
    service = DurableService(configuration, server)
    await service.start()
    try:
        await reach(service, Phase.READY)
        (manager,) = service.channel.managers
        consumer = cast("DurableConsumer", manager.consumer)
        confirmed: set[int] = set()
        with DurableAPI(configuration) as api:
            for first in range(0, COMMANDS, 100):
                if first == 500:
                    await consumer.until(lambda: len(consumer.done) >= 100, 60)
                    queue = f"baton-patch.{server.fqdn}.patch"
                    leader = await asyncio.to_thread(cluster.leader_of, vhost.name, queue)
                    await asyncio.to_thread(leader.kill)
                left = range(first, first + 100)
                while missing := set(left) - confirmed:
                    confirmed |= await asyncio.to_thread(
                        _publish, api, range(min(missing), max(missing) + 1), server.fqdn
                    )
        await consumer.until(lambda: consumer.done >= confirmed, 60)
    finally:
        await service.stop(1)
    assert len(confirmed) == COMMANDS
