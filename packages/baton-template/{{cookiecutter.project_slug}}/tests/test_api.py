"""The API: what other programs call."""

from __future__ import annotations

from pathlib import Path

import pytest
from baton import InvalidMessage, Server, Unroutable
from baton.testing import Client, MonitorFactory, ServiceFactory

from {{ cookiecutter.__package }}.api import {{ cookiecutter.__prefix }}API
from {{ cookiecutter.__package }}.messages import Measure
from {{ cookiecutter.__package }}.service import {{ cookiecutter.__prefix }}Service


@pytest.fixture
def api(baton_client: Client) -> {{ cookiecutter.__prefix }}API:
    return baton_client.api({{ cookiecutter.__prefix }}API)


def test_a_command_is_answered(
    api: {{ cookiecutter.__prefix }}API,
    baton_service: ServiceFactory,
    baton_monitor: MonitorFactory,
    web01: Server,
    folder: Path,
) -> None:
    baton_service({{ cookiecutter.__prefix }}Service, web01)
    reader = baton_monitor()
    message_id = api.measure("production", str(folder))
    assert [reader.next().type, reader.next().type] == ["info", "measured"]
    assert reader.messages[-1].correlation_id == message_id


def test_a_program_collects_what_is_answered(
    api: {{ cookiecutter.__prefix }}API,
    baton_service: ServiceFactory,
    web01: Server,
    folder: Path,
) -> None:
    baton_service({{ cookiecutter.__prefix }}Service, web01)
    answers = api.collect(Measure(str(folder)).to_message(), "web01.example.org")
    said = [reply.message for reply in answers if reply.is_output]
    assert [message.get("size") for message in said] == [None, 7]
    assert answers.result.succeeded


def test_nobody_is_there(api: {{ cookiecutter.__prefix }}API) -> None:
    with pytest.raises(Unroutable):
        api.measure("production", "/etc")


def test_a_wrong_path_is_not_published(
    api: {{ cookiecutter.__prefix }}API, baton_service: ServiceFactory, web01: Server
) -> None:
    baton_service({{ cookiecutter.__prefix }}Service, web01)
    with pytest.raises(InvalidMessage, match="absolute"):
        api.measure("production", "etc")
