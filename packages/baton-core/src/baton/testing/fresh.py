"""A configuration of its own for each test, with nothing in it of whoever runs the tests."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from baton import configuration as sources
from baton.configuration import ENV_PREFIX, Configuration
from baton.errors import BrokerUnavailable
from baton.transports.memory import forget_memory_broker

if TYPE_CHECKING:
    from pika.adapters.blocking_connection import BlockingChannel

_NOWHERE: Final = Path("/nonexistent")


@contextmanager
def fresh_configuration(url: str | None = None) -> Iterator[Configuration]:
    """A configuration that no other test has: without a *url*, for a broker in memory.

    On a real broker, the exchanges are what is the test's own (one cannot count on being allowed
    to make virtual hosts); they are deleted at the end. Meanwhile :meth:`Configuration.load` finds
    the same, and neither the variables ``BATON_*`` nor the files in ``/etc``: so an API without
    arguments, a command and a process that a test starts reach the test's broker.
    """
    name = secrets.token_hex(8)
    settings: dict[str, Any] = {"rabbit_url": f"memory://{name}"}
    if url is not None and not url.startswith("memory:"):
        settings = {
            "rabbit_url": url,
            "exchange": f"baton_test_{name}_in",
            "exchange_out": f"baton_test_{name}_out",
        }
    configuration = Configuration(**settings)
    try:
        with _found_by_load(settings):
            yield configuration
    finally:
        if configuration.rabbit_scheme == "memory":
            forget_memory_broker(name)
        else:
            _delete_exchanges(configuration)


def require_broker(url: str) -> None:
    """Raise BrokerUnavailable, or AuthenticationFailed, if no test could reach *url*."""
    with _channel(Configuration(rabbit_url=url)):
        pass


def _delete_exchanges(configuration: Configuration) -> None:
    with _channel(configuration) as channel:
        channel.exchange_delete(configuration.exchange)
        channel.exchange_delete(configuration.exchange_out)


@contextmanager
def _channel(configuration: Configuration) -> Iterator[BlockingChannel]:
    # In memory nobody needs pika.
    from pika import BlockingConnection  # noqa: PLC0415
    from pika.exceptions import AMQPError  # noqa: PLC0415

    from baton.transports.pika_errors import reason  # noqa: PLC0415
    from baton.transports.pika_terms import connection_parameters  # noqa: PLC0415

    patience = configuration.deadline
    try:
        connection = BlockingConnection(
            [
                connection_parameters(configuration, endpoint, "baton.testing", patience)
                for endpoint in configuration.endpoints
            ]
        )
        with closing(connection):
            yield connection.channel()
    except (AMQPError, OSError) as error:
        hosts = ", ".join(map(str, configuration.endpoints))
        raise BrokerUnavailable(f"The tests' broker {hosts}: {reason(error)}") from error


@contextmanager
def _found_by_load(settings: Mapping[str, str]) -> Iterator[None]:
    def default_path(extension: str) -> Path:
        return _NOWHERE / f"{extension}.cfg"

    with patch.dict(os.environ), patch.object(sources, "default_path", default_path):
        for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
            del os.environ[name]
        os.environ.update({f"{ENV_PREFIX}{key.upper()}": text for key, text in settings.items()})
        yield
