"""A broker in a container, by testcontainers."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

import docker
from docker.errors import APIError
from docker.models.containers import Container
from testcontainers.community.rabbitmq import RabbitMqContainer

from brokers.broker import Broker
from brokers.engine import docker_engine
from brokers.errors import CommandFailed, NotReady, Unavailable
from brokers.image import broker_image
from brokers.ports import LOOPBACK, speaks_amqp
from brokers.running import keep_ports, owned, remove_orphans, running
from brokers.tls import Identity, enabled_plugins
from brokers.waiting import wait_until

AMQP_PORT, MANAGEMENT_PORT, TLS_PORT = 5672, 15672, 5671
FOLDER = PurePosixPath("/etc/rabbitmq")
USER = PASSWORD = "guest"
_FREEZE_TIMEOUT = 60.0
"""Seconds to freeze a container: on a machine with much else to do, its processes are not all
brought to stand within the engine's own time, again and again."""
STOP_TIMEOUT = 20
LOG_LINES = 15


@contextmanager
def container_broker(tls: Identity | None = None) -> Iterator[Broker]:
    """A broker in a container of its own, removed at the end. Raises Unavailable."""
    with docker_engine() as client:
        image = broker_image(client)
        remove_orphans(client)
        with running(_RabbitMQ(image, tls)) as container:
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

    @property
    def nearest(self) -> str:
        """Its own address, past the proxy by which an engine forwards a port; where this machine
        does not reach that, the port."""
        self.container.reload()
        for network in self.container.attrs["NetworkSettings"]["Networks"].values():
            if network["IPAddress"] and speaks_amqp(network["IPAddress"], AMQP_PORT):
                return f"{network['IPAddress']}:{AMQP_PORT}"
        return self.hosts

    def _pause(self) -> None:
        if not wait_until(self._freezes, _FREEZE_TIMEOUT):
            raise NotReady(f"{self.host}:{self.port} did not freeze within {_FREEZE_TIMEOUT:g} s")

    def _freezes(self) -> bool:
        """Freeze it; False if that has to be tried again."""
        try:
            self.container.pause()
        except APIError as error:
            if "unable to freeze" not in str(error):
                raise
            return False
        return True

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
            labels=owned(),
        )
        ports = [AMQP_PORT, MANAGEMENT_PORT]
        if tls is not None:
            ports.append(TLS_PORT)
            self._encrypt(tls)
        keep_ports(self, ports)

    def readiness_probe(self) -> bool:
        return True

    def _encrypt(self, tls: Identity) -> None:
        settings = tls.settings(FOLDER, str(TLS_PORT))
        self.with_copy_into_container(settings.encode(), str(FOLDER / "conf.d" / "95-tls.conf"))
        self.with_copy_into_container(enabled_plugins().encode(), str(FOLDER / "enabled_plugins"))
        for content, path in tls.files(FOLDER):
            self.with_copy_into_container(content, str(path))
