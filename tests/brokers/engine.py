"""A Docker engine: the one that runs, or else one that is installed and started here."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException
from testcontainers.core.docker_client import DockerClient, get_docker_host

from brokers.daemon import DEFAULT_HOST, STARTING, start_daemon, started_daemon
from brokers.errors import Unavailable
from brokers.lock import locked
from brokers.ports import accepts

ANSWER_TIMEOUT = 10


@contextmanager
def docker_engine() -> Iterator[docker.DockerClient]:
    """A client of an engine that answers. Raises Unavailable."""
    with ExitStack() as stack:
        with locked(STARTING):
            try:
                client = _connect()
                daemon = started_daemon()
            except Unavailable as nothing:
                try:
                    daemon = start_daemon()
                except Unavailable as error:
                    raise Unavailable(f"{nothing}; and none could be started: {error}") from None
                client = None
            if daemon is not None:
                stack.enter_context(daemon.in_use())
            client = stack.enter_context(closing(client or _connect()))
        yield client


def _connect() -> docker.DockerClient:
    host = get_docker_host() or DEFAULT_HOST
    # Asked first, since the client leaves a socket that nobody answers to the garbage collector.
    if host.startswith("unix://") and not accepts(host.removeprefix("unix://")):
        raise Unavailable(f"no engine listens on {host}")
    try:
        return DockerClient(timeout=ANSWER_TIMEOUT).client
    except (DockerException, RequestException, OSError) as error:
        raise Unavailable(f"no engine answers on {host}: {error}") from None
