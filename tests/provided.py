"""The plugin of tests/integration and tests/faults: a real RabbitMQ for each of their tests, and a
virtual host of its own for each.

These tests run last. While the others run, what they need is prepared in the background. Of
tests/faults, those that need a broker and are not marked ``quick`` run when they are asked for by
name alone.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest
import trustme

from brokers import (
    Broker,
    Cluster,
    Identity,
    NoBroker,
    Unavailable,
    Vhost,
    container_cluster,
    fresh_vhost,
    preparing,
    run_broker,
)
from brokers.provide import AMQP_URL
from browser import NoBrowser, chromium
from databases import NoDatabase, Server, fresh_database, run_postgresql
from databases.provide import POSTGRESQL_URL
from integration.authority import identity
from order import in_order

BROKER = pytest.StashKey[Broker | NoBroker]()
CLUSTER = pytest.StashKey[Cluster | NoBroker]()
POSTGRESQL = pytest.StashKey[Server | NoDatabase]()
TLS_BROKER = pytest.StashKey[Broker | NoBroker]()
AUTHORITY = pytest.StashKey[trustme.CA]()
CHROMIUM = pytest.StashKey[Path | NoBrowser]()
PREPARED = pytest.StashKey[bool]()
CLEANUP = pytest.StashKey[ExitStack]()
T = TypeVar("T")
NAME = "provided"
INTEGRATION = Path(__file__).parent / "integration"
FAULTS = Path(__file__).parent / "faults"
TIMEOUT = 150
"""Seconds for a test of several processes and a RabbitMQ, on a machine with much else to do."""


def register(config: pytest.Config) -> None:
    """Use this plugin; to be called by the conftest of each folder that needs it."""
    if not config.pluginmanager.has_plugin(NAME):
        config.pluginmanager.register(sys.modules[__name__], NAME)


def is_in(item: pytest.Item, folder: Path) -> bool:
    """Whether *item* is somewhere in *folder*."""
    return _is_below(item.path, folder)


@cache
def _is_below(path: Path, folder: Path) -> bool:
    """Known of each file, not found out for each of its tests: a tenth of what collecting takes."""
    return folder in path.parents


def _is_ours(item: pytest.Item) -> bool:
    """Whether *item* needs a broker: all of tests/integration, and some of tests/faults."""
    if is_in(item, FAULTS):
        return _needs_broker(item) or _needs_cluster(item)
    return is_in(item, INTEGRATION)


def _needs_broker(item: pytest.Item) -> bool:
    if is_in(item, INTEGRATION):
        return True
    return is_in(item, FAULTS) and "rabbitmq" in getattr(item, "fixturenames", ())


def _needs_cluster(item: pytest.Item) -> bool:
    return "cluster" in getattr(item, "fixturenames", ())


def _needs_tls(item: pytest.Item) -> bool:
    return "tls_rabbitmq" in getattr(item, "fixturenames", ())


def _needs_container(item: pytest.Item) -> bool:
    if _needs_tls(item) or _needs_cluster(item):
        return True
    return _needs_broker(item) and not os.environ.get(AMQP_URL)


def _needs_postgresql(item: pytest.Item) -> bool:
    return "postgresql_server" in getattr(item, "fixturenames", ())


def _prepares_postgresql(item: pytest.Item) -> bool:
    return _needs_postgresql(item) and not os.environ.get(POSTGRESQL_URL)


def _needs_chromium(item: pytest.Item) -> bool:
    return "chromium_executable" in getattr(item, "fixturenames", ())


PREPARATIONS: dict[str, Callable[[pytest.Item], bool]] = {
    "brokers.prepare": _needs_container,
    "databases.prepare": _prepares_postgresql,
    "browser.prepare": _needs_chromium,
}
"""The modules that :func:`brokers.preparing` runs, and which tests need what each makes."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    _leave_long_faults(config, items)
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
        if _is_ours(item):
            item.add_marker(pytest.mark.integration)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TIMEOUT))
    items[:] = [item for path in in_order(files, config.rootpath) for item in files[path]]


def _leave_long_faults(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the long tests of tests/faults, unless the command line names them."""
    asked = {Path(argument.partition("::")[0]).resolve() for argument in config.args}
    left = [
        item
        for item in items
        if _is_ours(item)
        and is_in(item, FAULTS)
        and item.get_closest_marker("quick") is None
        and not any(path == FAULTS or FAULTS in path.parents for path in asked)
    ]
    if left:
        config.hook.pytest_deselected(items=left)
        gone = set(left)
        items[:] = [item for item in items if item not in gone]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Prepare with the first test of all, and start the broker, PostgreSQL or the browser before
    the first that needs it: outside of a test's timeout and its captured output."""
    config = item.config
    if PREPARED not in config.stash:
        config.stash[PREPARED] = True
        for module, needs in PREPARATIONS.items():
            if _is_first(config) and not needs(item) and any(map(needs, item.session.items)):
                _cleanup(config).enter_context(preparing(module))
    if _needs_broker(item) and BROKER not in config.stash:
        config.stash[BROKER] = _start(config)
    if _needs_cluster(item) and CLUSTER not in config.stash:
        config.stash[CLUSTER] = _start_cluster(config)
    if _needs_tls(item) and TLS_BROKER not in config.stash:
        config.stash[AUTHORITY] = trustme.CA()
        config.stash[TLS_BROKER] = _start(config, identity(config.stash[AUTHORITY]))
    if _needs_postgresql(item) and POSTGRESQL not in config.stash:
        config.stash[POSTGRESQL] = _start_postgresql(config)
    if _needs_chromium(item) and CHROMIUM not in config.stash:
        config.stash[CHROMIUM] = _find_chromium()
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End what was started. On Ctrl-C, fixtures are torn down later than tests, but before this;
    and later, pytest-xdist ends a process of tests that takes more than ten seconds."""
    _cleanup(session.config).close()


@pytest.fixture(scope="session")
def rabbitmq(pytestconfig: pytest.Config) -> Broker:
    """The broker. A test that stops or freezes it need not mend it: ``vhost`` does."""
    return _obtained(pytestconfig.stash[BROKER])


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Cluster:
    """Three brokers as one. A test that stops, freezes or cuts off a node need not mend it: the
    virtual host that it makes by :func:`brokers.fresh_vhost` does."""
    return _obtained(pytestconfig.stash[CLUSTER])


@pytest.fixture(scope="session")
def tls_rabbitmq(pytestconfig: pytest.Config) -> Broker:
    """Another broker, that has a port for TLS and takes users from certificates."""
    return _obtained(pytestconfig.stash[TLS_BROKER])


@pytest.fixture(scope="session")
def ca(tls_rabbitmq: Broker, pytestconfig: pytest.Config) -> trustme.CA:
    """Who issued its certificate, and whose certificates it takes."""
    return pytestconfig.stash[AUTHORITY]


@pytest.fixture(scope="session")
def chromium_executable(pytestconfig: pytest.Config) -> Path:
    """The executable of a browser."""
    return _obtained(pytestconfig.stash[CHROMIUM])


@pytest.fixture
def vhost(rabbitmq: Broker, request: pytest.FixtureRequest) -> Iterator[Vhost]:
    """A virtual host that no other test uses."""
    with fresh_vhost(rabbitmq, request.node.name) as vhost:
        yield vhost


@pytest.fixture(scope="session")
def postgresql_server(pytestconfig: pytest.Config) -> Server:
    """A PostgreSQL. A test that stops it need not mend it: ``postgresql`` does."""
    return _obtained(pytestconfig.stash[POSTGRESQL])


@pytest.fixture
def postgresql(postgresql_server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database that no other test uses."""
    with fresh_database(postgresql_server, request.node.name) as url:
        yield url


def _is_first(config: pytest.Config) -> bool:
    """Whether this is the process that prepares, of those that pytest-xdist runs tests in."""
    worker = getattr(config, "workerinput", None)
    return worker is None or worker["workerid"] == "gw0"


def _start(config: pytest.Config, tls: Identity | None = None) -> Broker | NoBroker:
    try:
        return _cleanup(config).enter_context(run_broker(tls))
    except NoBroker as error:
        return error


def _start_cluster(config: pytest.Config) -> Cluster | NoBroker:
    try:
        return _cleanup(config).enter_context(container_cluster())
    except Unavailable as error:
        return NoBroker([("a cluster of containers", str(error))])


def _start_postgresql(config: pytest.Config) -> Server | NoDatabase:
    try:
        return _cleanup(config).enter_context(run_postgresql())
    except NoDatabase as error:
        return error


def _find_chromium() -> Path | NoBrowser:
    try:
        return chromium()
    except NoBrowser as error:
        return error


def _cleanup(config: pytest.Config) -> ExitStack:
    """What is left at the very end."""
    if CLEANUP not in config.stash:
        config.stash[CLEANUP] = ExitStack()
        config.add_cleanup(config.stash[CLEANUP].close)  # if no session ends it
    return config.stash[CLEANUP]


def _obtained(found: T | NoBroker | NoDatabase | NoBrowser) -> T:
    if isinstance(found, NoBroker | NoDatabase | NoBrowser):
        pytest.fail(str(found), pytrace=False)
    return found
