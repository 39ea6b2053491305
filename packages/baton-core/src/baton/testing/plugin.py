"""The pytest plugin: fixtures for the tests of extensions, and the option ``--baton-broker``.

pytest imports it in every suite: what a fixture needs is imported when that is used, and before
nothing of Baton but its errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from baton.errors import BatonError
from baton.testing.failure import HarnessError

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.testing.bench import Bench, Client, MonitorFactory, ServiceFactory

OPTION = "--baton-broker"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Part of pytest: the option."""
    parser.getgroup("baton").addoption(
        OPTION,
        metavar="URL",
        help="The broker for tests of Baton extensions, amqp://… or amqps://…; by default each "
        "test has one in memory.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Part of pytest: a wrong URL is wrong use, not a failure of each test."""
    url = config.getoption(OPTION)
    if url is not None:
        from baton.broker_url import parse_url  # noqa: PLC0415

        try:
            parse_url(url)
        except ValueError as error:
            raise pytest.UsageError(f"{OPTION} {error}") from None


@pytest.fixture(scope="session")
def _baton_url(pytestconfig: pytest.Config) -> str | None:
    """The broker that was asked for, which can be reached; None for one in memory."""
    url: str | None = pytestconfig.getoption(OPTION)
    if url is None or url.startswith("memory:"):
        return None
    from baton.testing.fresh import require_broker  # noqa: PLC0415

    try:
        require_broker(url)
    except BatonError as error:
        pytest.fail(f"{OPTION}: {error}", pytrace=False)
    return url


@pytest.fixture
def baton_configuration(_baton_url: str | None) -> Iterator[Configuration]:
    """A configuration of the test's own; ``Configuration.load`` finds the same meanwhile.

    It is for a broker in memory, or with ``--baton-broker`` for exchanges of its own there.
    """
    from baton.testing.fresh import fresh_configuration  # noqa: PLC0415

    with fresh_configuration(_baton_url) as configuration:
        yield configuration


@pytest.fixture
def _baton_bench(baton_configuration: Configuration) -> Iterator[Bench]:
    """What the fixtures below share."""
    from baton.testing.bench import Bench  # noqa: PLC0415

    try:
        with Bench(baton_configuration) as bench:
            yield bench
    except HarnessError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def baton_service(_baton_bench: Bench) -> ServiceFactory:
    """Starts a service and returns it when it is ready: ``baton_service(MyService, "web01")``."""
    return _baton_bench.service


@pytest.fixture
def baton_client(_baton_bench: Bench) -> Client:
    """Asks services: ``replies = baton_client.ask({"type": "ping"}, "web01")``."""
    return _baton_bench.client


@pytest.fixture
def baton_monitor(_baton_bench: Bench) -> MonitorFactory:
    """Starts a monitor, which keeps what it reads: ``baton_monitor(MyMonitor).next()``."""
    return _baton_bench.monitor
