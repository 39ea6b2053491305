"""A real RabbitMQ for every test below this folder, and a virtual host of its own for each."""

from pathlib import Path

import pytest

import provided

pytest.register_assert_rewrite("databases.contract")


def pytest_configure(config: pytest.Config) -> None:
    provided.register(config)


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands keep their runs there, not where those of whoever runs the tests are."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
