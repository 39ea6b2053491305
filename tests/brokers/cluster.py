"""A cluster of three brokers in containers.

Each node is in two networks. Clients reach it by the first, at ports of this machine that a restart
keeps. The nodes know each other by names of the second alone, so that a node that is taken out of
that one is cut off from the others, and not from its clients: a partition, for which neither the
image nor this machine needs any tool.
"""

import io
import secrets
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.models.networks import Network
from requests.exceptions import RequestException

from brokers.broker import READY_TIMEOUT, Broker
from brokers.container import (
    AMQP_PORT,
    FOLDER,
    MANAGEMENT_PORT,
    PASSWORD,
    USER,
    ContainerBroker,
)
from brokers.engine import docker_engine
from brokers.errors import CommandFailed, NotReady, Unavailable
from brokers.image import broker_image
from brokers.management import Item, Management
from brokers.ports import LOOPBACK, free_ports
from brokers.running import owned, remove_orphans
from brokers.waiting import wait_until

SIZE = 3
CLUSTER_TIMEOUT = 180.0
TICK = 15
"""Seconds after which a node gives up another that says nothing, what docs/operating.md recommends:
RabbitMQ's default is 60, and meanwhile a channel that publishes to a queue there may hang."""

SETTINGS = """\
cluster_partition_handling = pause_minority
queue_leader_locator = balanced
"""
# RabbitMQ's default from 4.2 on. With Mnesia, which it replaces, one frozen node has each
# declaration on the others wait for TICK.
KHEPRI = "rabbit_feature_flags:enable(khepri_db)."


@dataclass(kw_only=True)
class Node(ContainerBroker):
    """One broker of a cluster."""

    name: str
    """By which the others know it, ``rabbit@<name>``."""

    _cut_off: bool = field(default=False, init=False, repr=False)

    @property
    def full_name(self) -> str:
        """As RabbitMQ has it."""
        return f"rabbit@{self.name}"

    @property
    def is_troubled(self) -> bool:
        return self._cut_off or super().is_troubled

    def wait_until_ready(self, timeout: float = CLUSTER_TIMEOUT) -> None:
        """As :meth:`Broker.wait_until_ready`, but three nodes start at a time."""
        super().wait_until_ready(timeout)


@dataclass(kw_only=True)
class Cluster(Broker):
    """Several brokers as one. What may happen to a broker happens to each of its ``nodes``, except
    that :meth:`restart` restarts one after the other; and each may be treated by itself.

    Its management API and its ``rabbitmqctl`` are those of the first node that answers.
    """

    nodes: Sequence[Node]
    network: Network

    @property
    def hosts(self) -> str:
        """All of them, separated by commas."""
        return ",".join(node.hosts for node in self.nodes)

    @property
    def management(self) -> Management:
        return self.first_ready().management

    def first_ready(self) -> Node:
        """The first of its nodes that nothing has happened to and that answers."""
        for node in self.nodes:
            if not node.is_troubled and node.management.is_ready():
                return node
        raise NotReady("no node of the cluster answers")

    def node_at(self, port: int | None) -> Node:
        """The one that clients reach at *port*."""
        return next(node for node in self.nodes if node.port == port)

    def leader_of(self, vhost: str, queue: str) -> Node:
        """The node that leads a queue, or is the only one to have it."""
        found: Item = self.management.request("GET", "queues", vhost, queue)
        return self._named(found.get("leader") or found["node"])

    def lead(self, vhost: str, queue: str, node: Node) -> None:
        """Have *node* lead a quorum queue, if it does not already."""
        self.rabbitmqctl(
            "eval",
            f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"{vhost}">>, queue, '
            f"<<\"{queue}\">>)), rabbit_quorum_queue:transfer_leadership(Q, '{node.full_name}').",
        )

    def others(self, node: Node) -> list[Node]:
        """All but *node*."""
        return [each for each in self.nodes if each is not node]

    def cut_off(self, node: Node) -> None:
        """Part *node* from the others. Its clients still reach it."""
        self.network.disconnect(node.container)
        node._cut_off = True

    def join_again(self, node: Node) -> None:
        """Undo :meth:`cut_off`. RabbitMQ may need its time: see :meth:`wait_until_ready`."""
        self.network.connect(node.container, aliases=[node.name])
        node._cut_off = False

    @contextmanager
    def partitioned(self, node: Node) -> Iterator[None]:
        """*node* is parted from the others within the block."""
        self.cut_off(node)
        try:
            yield
        finally:
            self.join_again(node)

    def wait_until_ready(self, timeout: float = CLUSTER_TIMEOUT) -> None:
        """Return when each node answers and sees each other one. Raises NotReady."""
        for node in self.nodes:
            node.wait_until_ready(timeout)
        if not wait_until(self._is_whole, timeout):
            raise NotReady(f"The cluster is not whole after {timeout:g} s: {self._running()}")

    def restart(self) -> None:
        """Restart one node after the other, the next one when the cluster is whole again."""
        for node in self.nodes:
            node.restart()
            self.wait_until_ready()

    def heal(self) -> None:
        hurt = [node for node in self.nodes if node.is_troubled]
        for node in hurt:
            if node._cut_off:
                self.join_again(node)
        _at_once(Node.heal, self.nodes)
        if hurt:
            try:
                self.wait_until_ready()
            except NotReady:
                # A node that was frozen or parted for long may not come back by itself.
                for node in hurt:
                    node.restart()
                self.wait_until_ready()
        self._down = self._paused = False

    def _is_whole(self) -> bool:
        names = {node.full_name for node in self.nodes}
        return all(running == names for running in self._running().values())

    def _running(self) -> dict[str, set[str]]:
        """Which nodes run, as each of them sees it."""
        return {node.full_name: _seen_by(node) for node in self.nodes}

    def _named(self, full_name: str) -> Node:
        return next(node for node in self.nodes if node.full_name == full_name)

    def _pause(self) -> None:
        _at_once(Node.pause, self.nodes)

    def _unpause(self) -> None:
        _at_once(Node.unpause, self.nodes)

    def _stop(self) -> None:
        _at_once(Node.stop, self.nodes)

    def _kill(self) -> None:
        _at_once(Node.kill, self.nodes)

    def _start(self) -> None:
        _at_once(Node.start, self.nodes)

    def _rabbitmqctl(self, *args: str) -> str:
        return self.first_ready().rabbitmqctl(*args)


@contextmanager
def container_cluster(size: int = SIZE, *, tick: int = TICK) -> Iterator[Cluster]:
    """A cluster in containers of its own, removed at the end. Raises Unavailable."""
    with docker_engine() as client, ExitStack() as stack:
        image = broker_image(client)
        remove_orphans(client)
        try:
            front = stack.enter_context(_network(client, internal=False))
            back = stack.enter_context(_network(client, internal=True))
            make = _Maker(client, image, front, back, size, tick)
            for number in range(1, size + 1):
                stack.enter_context(make.node(number))
            _at_once(Node._start, make.nodes)
        except (DockerException, RequestException) as error:
            raise Unavailable(f"the cluster did not start: {error}") from None
        first = make.nodes[0]
        cluster = Cluster(
            host=first.host,
            port=first.port,
            management_port=first.management_port,
            nodes=make.nodes,
            network=back,
        )
        try:
            _at_once(Node.settle, cluster.nodes)
            cluster.wait_until_ready()
            _enable_khepri(cluster)
        except NotReady as error:
            raise Unavailable(f"the cluster did not get ready: {error}") from None
        yield cluster


class _Maker:
    """Makes the nodes, in the order of their numbers."""

    def __init__(
        self,
        client: docker.DockerClient,
        image: str,
        front: Network,
        back: Network,
        size: int,
        tick: int,
    ) -> None:
        self.nodes: list[Node] = []
        self._client = client
        self._image = image
        self._front = front
        self._back = back
        self._environment = {
            "RABBITMQ_ERLANG_COOKIE": secrets.token_hex(16),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-kernel net_ticktime {tick}",
        }
        names = [f"rabbit@{_name(number)}" for number in range(1, size + 1)]
        peers = [
            f"cluster_formation.classic_config.nodes.{number} = {name}\n"
            for number, name in enumerate(names, 1)
        ]
        self._settings = SETTINGS + "".join(peers)

    @contextmanager
    def node(self, number: int) -> Iterator[Node]:
        """A node that is not started yet."""
        name = _name(number)
        port, management_port = free_ports(2)
        container = self._client.containers.create(
            self._image,
            hostname=f"mq{number}",  # not its name: that is known in the second network alone
            labels=owned(),
            environment={**self._environment, "RABBITMQ_NODENAME": f"rabbit@{name}"},
            extra_hosts={name: LOOPBACK},  # for itself, also while it is parted from the others
            ports={
                str(AMQP_PORT): (LOOPBACK, port),
                str(MANAGEMENT_PORT): (LOOPBACK, management_port),
            },
            network=self._front.name,
        )
        try:
            container.put_archive(
                str(FOLDER / "conf.d"), _archive("95-cluster.conf", self._settings)
            )
            self._back.connect(container, aliases=[name])
            node = Node(
                host=LOOPBACK,
                port=port,
                management_port=management_port,
                user=USER,
                password=PASSWORD,
                container=container,
                client=self._client,
                name=name,
            )
            self.nodes.append(node)
            yield node
        finally:
            with suppress(NotFound):
                container.remove(force=True, v=True)


@contextmanager
def _network(client: docker.DockerClient, *, internal: bool) -> Iterator[Network]:
    network = client.networks.create(
        f"baton-test-{secrets.token_hex(4)}", driver="bridge", internal=internal, labels=owned()
    )
    try:
        yield network
    finally:
        with suppress(APIError):
            network.remove()


def _enable_khepri(cluster: Cluster) -> None:
    """Have the nodes agree by Raft on what there is."""

    def is_enabled() -> bool:
        with suppress(CommandFailed):
            return cluster.nodes[0].rabbitmqctl("eval", KHEPRI).strip() == "ok"
        return False

    if not wait_until(is_enabled, READY_TIMEOUT):
        raise NotReady("the feature flag khepri_db could not be enabled")


def _seen_by(node: Node) -> set[str]:
    try:
        return {each["name"] for each in node.management.request("GET", "nodes") if each["running"]}
    except (OSError, ValueError):
        return set()


def _name(number: int) -> str:
    return f"node{number}"


def _archive(name: str, text: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(text.encode())
        entry.mode = 0o644
        archive.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()


def _at_once(do: object, nodes: Iterable[Node]) -> None:
    with ThreadPoolExecutor(SIZE) as threads:
        list(threads.map(do, nodes))  # type: ignore[arg-type]
