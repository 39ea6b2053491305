"""A broker in a container, by testcontainers."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from requests.exceptions import RequestException
from testcontainers.community.rabbitmq import RabbitMqContainer
from testcontainers.core.config import ConnectionMode, testcontainers_config

from brokers.broker import Broker
from brokers.engine import docker_engine
from brokers.errors import CommandFailed, NotReady, Unavailable
from brokers.image import broker_image
from brokers.ports import LOOPBACK, free_ports
from brokers.processes import born
from brokers.tls import Identity, enabled_plugins

AMQP_PORT, MANAGEMENT_PORT, TLS_PORT = 5672, 15672, 5671
FOLDER = PurePosixPath("/etc/rabbitmq")
USER = PASSWORD = "guest"
STOP_TIMEOUT = 20
LOG_LINES = 15
OWNER = "baton.test.owner"
"""The label that tells which process on which host needs the container."""


@contextmanager
def container_broker(tls: Identity | None = None) -> Iterator[Broker]:
    """A broker in a container of its own, removed at the end. Raises Unavailable."""
    with docker_engine() as client:
        image = broker_image(client)
        _remove_orphans(client)
        with _running(image, tls) as container:
            host = container.get_container_host_ip()
            broker = ContainerBroker(
                host=LOOPBACK if host == "localhost" else host,
                port=container.get_exposed_port(AMQP_PORT),
                management_port=container.get_exposed_port(MANAGEMENT_PORT),
                tls_port=None if tls is None else container.get_exposed_port(TLS_PORT),
                user=USER,
                password=PASSWORD,
                container=container.get_wrapped_container(),
                client=client,
            )
            try:
                broker.settle()
            except NotReady as error:
                raise Unavailable(f"the container did not get ready: {error}") from None
            yield broker


@dataclass(kw_only=True)
class ContainerBroker(Broker):
    """A broker in a container: everything may happen to it."""

    container: Container
    client: docker.DockerClient

    def _pause(self) -> None:
        self.container.pause()

    def _unpause(self) -> None:
        self.container.unpause()

    def _stop(self) -> None:
        self.container.stop(timeout=STOP_TIMEOUT)

    def _kill(self) -> None:
        self.container.kill()

    def _start(self) -> None:
        self.container.start()

    def _rabbitmqctl(self, *args: str) -> str:
        api = self.client.api
        command = ["rabbitmqctl", *args]
        exec_id = api.exec_create(self.container.id, command)["Id"]
        stream = api.exec_start(exec_id, stream=True)
        # The stream's own close leaves the socket open.
        with closing(stream._response):  # type: ignore[attr-defined]
            output = b"".join(stream).decode(errors="replace")
        if code := api.exec_inspect(exec_id)["ExitCode"]:
            raise CommandFailed(f"`{' '.join(command)}` exited with {code}:\n{output}")
        return output

    def _why_ended(self) -> str | None:
        self.container.reload()
        if self.container.status not in {"exited", "dead"}:
            return None
        said = self.container.logs(tail=LOG_LINES).decode(errors="replace")
        return f"the container ended:\n{said}"


class _RabbitMQ(RabbitMqContainer):
    """With ports that a restart keeps, and without the probe, which leaves sockets open."""

    def __init__(self, image: str, tls: Identity | None) -> None:
        super().__init__(
            image,
            port=AMQP_PORT,
            username=USER,
            password=PASSWORD,
            vhost="/",
            hostname="baton-test",
            labels={OWNER: f"{socket.gethostname()} {os.getpid()} {born(os.getpid())}"},
        )
        local = self.get_docker_client().host() == "localhost"
        ports = [AMQP_PORT, MANAGEMENT_PORT]
        if tls is not None:
            ports.append(TLS_PORT)
            self._encrypt(tls)
        for inside, outside in zip(ports, free_ports(len(ports)), strict=True):
            # The engine's client takes an address too, which the annotation does not know.
            self.ports[str(inside)] = (LOOPBACK, outside) if local else outside  # type: ignore[assignment]

    def readiness_probe(self) -> bool:
        return True

    def _encrypt(self, tls: Identity) -> None:
        settings = tls.settings(FOLDER, str(TLS_PORT))
        self.with_copy_into_container(settings.encode(), str(FOLDER / "conf.d" / "95-tls.conf"))
        self.with_copy_into_container(enabled_plugins().encode(), str(FOLDER / "enabled_plugins"))
        for content, path in tls.files(FOLDER):
            self.with_copy_into_container(content, str(path))


@contextmanager
def _running(image: str, tls: Identity | None) -> Iterator[_RabbitMQ]:
    # Its reaper would need another image; _remove_orphans does what it is for.
    if "TESTCONTAINERS_RYUK_DISABLED" not in os.environ:
        testcontainers_config.ryuk_disabled = True
    container = _RabbitMQ(image, tls)
    client = container.get_docker_client()
    if client.get_connection_mode() is ConnectionMode.gateway_ip:
        # An engine within the container that we are in: its ports are on our own loopback.
        testcontainers_config.connection_mode_override = ConnectionMode.docker_host
    with closing(client.client):
        try:
            try:
                container.start()
            except (DockerException, RequestException) as error:
                raise Unavailable(f"the container did not start: {error}") from None
            yield container
        finally:
            with suppress(NotFound):
                container.stop()


def _remove_orphans(client: docker.DockerClient) -> None:
    """Remove containers of runs on this host that ended without doing so."""
    for container in client.containers.list(all=True, filters={"label": OWNER}):
        host, pid, since = container.labels[OWNER].split(" ")
        if host == socket.gethostname() and since != "None" and born(int(pid)) != since:
            with suppress(APIError):  # another run may be removing it
                container.remove(force=True, v=True)
