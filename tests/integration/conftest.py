"""A real RabbitMQ for every test below this folder, and a virtual host of its own for each."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from brokers import Broker, NoBroker, Vhost, fresh_vhost, run_broker

BROKER = pytest.StashKey[Broker | NoBroker]()
FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Start the broker before the first test, outside of its timeout and its captured output."""
    config = item.config
    if FOLDER in item.path.parents and BROKER not in config.stash:
        stack = ExitStack()
        # After everything else: on Ctrl-C, fixtures are torn down later than tests.
        config.add_cleanup(stack.close)
        try:
            config.stash[BROKER] = stack.enter_context(run_broker())
        except NoBroker as error:
            config.stash[BROKER] = error
    return (yield)


@pytest.fixture(scope="session")
def rabbitmq(pytestconfig: pytest.Config) -> Broker:
    """The broker. A test that stops or freezes it need not mend it: ``vhost`` does."""
    broker = pytestconfig.stash[BROKER]
    if isinstance(broker, NoBroker):
        pytest.fail(str(broker), pytrace=False)
    return broker


@pytest.fixture
def vhost(rabbitmq: Broker, request: pytest.FixtureRequest) -> Iterator[Vhost]:
    """A virtual host that no other test uses."""
    with fresh_vhost(rabbitmq, request.node.name) as vhost:
        yield vhost
