"""A PostgreSQL in a container, by testcontainers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from docker.models.containers import Container
from testcontainers.core.container import DockerContainer

from brokers.engine import docker_engine
from brokers.errors import NotReady, Unavailable
from brokers.ports import LOOPBACK
from brokers.running import keep_ports, owned, remove_orphans, running
from databases.image import PASSWORD, USER, database_image
from databases.server import Server

PORT = 5432
STOP_TIMEOUT = 20


@contextmanager
def container_server() -> Iterator[Server]:
    """A server in a container of its own, removed at the end. Raises Unavailable."""
    with docker_engine() as client:
        image = database_image(client)
        remove_orphans(client)
        container = DockerContainer(image, labels=owned())
        keep_ports(container, [PORT])
        with running(container):
            host = container.get_container_host_ip()
            address = (
                f"{LOOPBACK if host == 'localhost' else host}:{container.get_exposed_port(PORT)}"
            )
            server = ContainerServer(
                url=f"postgresql://{USER}:{PASSWORD}@{address}/postgres",
                container=container.get_wrapped_container(),
            )
            try:
                server.settle()
            except NotReady as error:
                said = server.container.logs(tail=15).decode(errors="replace")
                raise Unavailable(f"the container did not get ready: {error}\n{said}") from None
            yield server


@dataclass(kw_only=True)
class ContainerServer(Server):
    """A server in a container: everything may happen to it."""

    container: Container

    _down: bool = field(default=False, init=False, repr=False)
    _paused: bool = field(default=False, init=False, repr=False)

    def stop(self) -> None:
        """Shut it down."""
        self._down = True
        self.container.stop(timeout=STOP_TIMEOUT)

    def start(self) -> None:
        """Start it again, and wait until it answers."""
        self.container.start()
        self._down = False
        self.settle()

    def pause(self) -> None:
        """Freeze it: its connections stay, and it does not answer."""
        self.container.pause()
        self._paused = True

    def unpause(self) -> None:
        """Let it go on."""
        self.container.unpause()
        self._paused = False

    def heal(self) -> None:
        """Undo what a test that failed half-way left."""
        if self._paused:
            self.unpause()
        if self._down:
            self.start()
