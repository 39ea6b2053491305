"""Runs a container of tests, and removes it whatever happens."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TypeVar

import docker
from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException
from testcontainers.core.config import ConnectionMode, testcontainers_config
from testcontainers.core.container import DockerContainer

from brokers.errors import Unavailable
from brokers.ports import LOOPBACK, free_ports
from brokers.processes import born

OWNER = "baton.test.owner"
"""The label that tells which process on which host needs the container."""

C = TypeVar("C", bound=DockerContainer)


def owned() -> dict[str, str]:
    """The labels of a container that this process needs."""
    return {OWNER: f"{socket.gethostname()} {os.getpid()} {born(os.getpid())}"}


def keep_ports(container: DockerContainer, ports: Sequence[int]) -> None:
    """Let its *ports* be had at ports that a restart keeps, of this machine alone."""
    local = container.get_docker_client().host() == "localhost"
    for inside, outside in zip(ports, free_ports(len(ports)), strict=True):
        # The engine's client takes an address too, which the annotation does not know.
        container.ports[str(inside)] = (LOOPBACK, outside) if local else outside  # type: ignore[assignment]


@contextmanager
def running(container: C) -> Iterator[C]:
    """*container*, started, and removed at the end of the block. Raises Unavailable."""
    # Its reaper would need another image; remove_orphans does what it is for.
    if "TESTCONTAINERS_RYUK_DISABLED" not in os.environ:
        testcontainers_config.ryuk_disabled = True
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


def remove_orphans(client: docker.DockerClient) -> None:
    """Remove containers and networks of runs on this host that ended without doing so."""
    for container in client.containers.list(all=True, filters={"label": OWNER}):
        if _is_orphan(container.labels[OWNER]):
            with suppress(APIError):  # another run may be removing it
                container.remove(force=True, v=True)
    for network in client.networks.list(filters={"label": OWNER}):
        if _is_orphan(network.attrs["Labels"][OWNER]):
            with suppress(APIError):
                network.remove()


def _is_orphan(owner: str) -> bool:
    host, pid, since = owner.split(" ")
    return host == socket.gethostname() and since != "None" and born(int(pid)) != since
