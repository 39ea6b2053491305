"""On a real RabbitMQ: the one of --baton-broker, or else one in Docker.

Run by ``pytest -m integration``, never skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from baton import Configuration, Server
from baton.testing import Client, MonitorFactory, ServiceFactory, fresh_configuration

from {{ cookiecutter.__package }}.api import {{ cookiecutter.__prefix }}API
from {{ cookiecutter.__package }}.monitor import {{ cookiecutter.__prefix }}Monitor
from {{ cookiecutter.__package }}.service import {{ cookiecutter.__prefix }}Service

pytestmark = pytest.mark.integration

IMAGE = "rabbitmq:4"


@pytest.fixture(scope="session")
def rabbitmq_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """The broker."""
    if url := pytestconfig.getoption("--baton-broker"):
        yield url
        return
    try:
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.wait_strategies import LogMessageWaitStrategy
    except ImportError:
        pytest.fail("Which RabbitMQ? --baton-broker URL; or pip install -e '.[docker]'")
    started = LogMessageWaitStrategy(r"completed with \d+ plugins")
    container = DockerContainer(IMAGE).with_exposed_ports(5672).waiting_for(started)
    # The user guest may come from the broker's own host alone.
    container.with_env("RABBITMQ_DEFAULT_USER", "baton").with_env("RABBITMQ_DEFAULT_PASS", "secret")
    with container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(5672)
        yield f"amqp://baton:secret@{host}:{port}/"


@pytest.fixture
def baton_configuration(rabbitmq_url: str) -> Iterator[Configuration]:
    """Exchanges that are this test's own, on the broker."""
    with fresh_configuration(rabbitmq_url) as configuration:
        yield configuration


def test_it_ran_on_a_real_broker(baton_service: ServiceFactory, web01: Server) -> None:
    service = baton_service({{ cookiecutter.__prefix }}Service, web01)
    assert service.configuration.rabbit_scheme in {"amqp", "amqps"}


def test_a_command_is_answered(
    baton_service: ServiceFactory,
    baton_client: Client,
    baton_monitor: MonitorFactory,
    web01: Server,
    folder: Path,
) -> None:
    baton_service({{ cookiecutter.__prefix }}Service, web01)
    reader = baton_monitor({{ cookiecutter.__prefix }}Monitor)
    api = baton_client.api({{ cookiecutter.__prefix }}API)
    message_id = api.measure("production", str(folder))
    assert [reader.next().type, reader.next().type] == ["info", "measured"]
    assert reader.messages[-1]["size"] == 7
    assert reader.messages[-1].correlation_id == message_id


def test_an_error_is_answered(
    baton_service: ServiceFactory, baton_client: Client, web01: Server
) -> None:
    baton_service({{ cookiecutter.__prefix }}Service, web01)
    (error,) = baton_client.ask({"type": "measure", "path": "etc"}, "production")
    assert error.message["error_class"] == "InvalidMessage"
