"""Fixtures that several modules of tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from baton import Configuration, Server
from baton.transports.memory import MemoryBroker, memory_broker


@pytest.fixture(scope="session")
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where runs are kept meanwhile."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(autouse=True)
def configuration(
    baton_configuration: Configuration, state_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Configuration:
    """A broker in memory for each test. None sees the settings of whoever runs it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(state_home))
    return baton_configuration


@pytest.fixture
def broker(configuration: Configuration) -> MemoryBroker:
    return memory_broker(configuration.endpoints[0].host)


@pytest.fixture
def memory_url(configuration: Configuration) -> str:
    """The URL of the broker."""
    return f"memory://{configuration.endpoints[0].host}"


@pytest.fixture
def web01() -> Server:
    return Server("web01.example.org", "production", ("shop",))
