"""The way to a broker: the first that works here."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from urllib.parse import unquote, urlsplit

from brokers.broker import Broker
from brokers.container import container_broker
from brokers.errors import NoBroker, NotReady, Unavailable
from brokers.node import node_broker
from brokers.notice import notice
from brokers.tls import Identity

AMQP_URL = "BATON_TEST_AMQP_URL"
MANAGEMENT_URL = "BATON_TEST_MANAGEMENT_URL"
GIVEN_TIMEOUT = 10.0

WAYS: tuple[tuple[str, Callable[[Identity | None], AbstractContextManager[Broker]]], ...] = (
    ("a container", container_broker),
    ("a private node", node_broker),
)


@contextmanager
def run_broker(tls: Identity | None = None) -> Iterator[Broker]:
    """A broker that is ready, ended at the end of the block. Raises NoBroker.

    With *tls* it has a port for TLS as well, and never is the one that somebody else runs.
    """
    url = os.environ.get(AMQP_URL)
    if url and tls is None:
        yield _given(url, os.environ.get(MANAGEMENT_URL))
        return
    tried = []
    for name, way in WAYS:
        with ExitStack() as stack:
            try:
                broker = stack.enter_context(way(tls))
            except Unavailable as error:
                notice(f"The broker cannot be {name}: {error}")
                tried.append((name, str(error)))
                continue
            yield broker
            return
    raise NoBroker(tried)


def _given(url: str, management_url: str | None) -> Broker:
    """The broker that somebody else runs. Where it does not answer, no other is tried."""
    parts = urlsplit(url)
    if parts.scheme != "amqp" or parts.hostname is None:
        raise NoBroker([(AMQP_URL, "is not a URL such as amqp://guest:guest@localhost:5672")])
    management = urlsplit(management_url or f"http://{parts.hostname}:15672")
    broker = Broker(
        host=parts.hostname,
        port=parts.port or 5672,
        user=unquote(parts.username or "guest"),
        password=unquote(parts.password or "guest"),
        management_scheme=management.scheme,
        management_host=management.hostname,
        management_port=management.port or (443 if management.scheme == "https" else 80),
    )
    try:
        broker.wait_until_ready(GIVEN_TIMEOUT)
    except NotReady as error:
        raise NoBroker([(AMQP_URL, str(error))]) from None
    return broker
