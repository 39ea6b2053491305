"""Fixtures that several modules of tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from baton import Configuration, Server


@pytest.fixture(scope="session")
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what was asked is kept meanwhile."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(autouse=True)
def configuration(
    baton_configuration: Configuration, state_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Configuration:
    """A broker in memory for each test. None sees the settings of whoever runs it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(state_home))
    return baton_configuration


@pytest.fixture
def web01() -> Server:
    return Server("web01.example.org", "production", ("shop",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds two files, of seven bytes."""
    (tmp_path / "below").mkdir()
    (tmp_path / "one").write_bytes(b"1234")
    (tmp_path / "below" / "two").write_bytes(b"123")
    return tmp_path
