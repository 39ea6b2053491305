"""The monitor: what reads the answers of all servers."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from baton import Server
from baton.testing import Client, MonitorFactory, Reader, ServiceFactory

from {{ cookiecutter.__package }}.messages import Measure
from {{ cookiecutter.__package }}.monitor import {{ cookiecutter.__prefix }}Monitor
from {{ cookiecutter.__package }}.service import {{ cookiecutter.__prefix }}Service


@pytest.fixture
def reader(
    baton_monitor: MonitorFactory,
    caplog: pytest.LogCaptureFixture,
) -> Reader[{{ cookiecutter.__prefix }}Monitor]:
    """A monitor that runs, and what it has read."""
    caplog.set_level(logging.INFO)
    reader = baton_monitor({{ cookiecutter.__prefix }}Monitor)
    caplog.clear()
    return reader


def test_it_logs_answers(
    baton_service: ServiceFactory,
    baton_client: Client,
    reader: Reader[{{ cookiecutter.__prefix }}Monitor],
    caplog: pytest.LogCaptureFixture,
    web01: Server,
    folder: Path,
) -> None:
    baton_service({{ cookiecutter.__prefix }}Service, web01)
    baton_client.ask(Measure(str(folder)).to_message(), "production")
    assert [reader.next().type, reader.next().type] == ["info", "measured"]
    assert f"web01.example.org {folder}: 2 files, 7 bytes" in caplog.messages


def test_it_logs_errors(
    baton_service: ServiceFactory,
    baton_client: Client,
    reader: Reader[{{ cookiecutter.__prefix }}Monitor],
    caplog: pytest.LogCaptureFixture,
    web01: Server,
) -> None:
    baton_service({{ cookiecutter.__prefix }}Service, web01)
    baton_client.ask(Measure("/no/such/folder").to_message(), "production")
    assert reader.next().type == "error"
    (record,) = [each for each in caplog.records if each.name == "baton.monitor"]
    assert record.levelno == logging.ERROR
    assert "There is no folder /no/such/folder" in record.getMessage()
