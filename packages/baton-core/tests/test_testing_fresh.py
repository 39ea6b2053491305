"""A configuration of its own for each test."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from baton import API, Configuration
from baton import configuration as sources
from baton.errors import BrokerUnavailable
from baton.testing.fresh import fresh_configuration, require_broker
from baton.transports.memory import memory_broker


class GreetAPI(API):
    extension = "baton-greet"


@pytest.fixture
def nobody() -> Iterator[str]:
    """Where no broker is, nor will be: a port that is taken, and not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_every_one_has_a_broker_of_its_own() -> None:
    with fresh_configuration() as one, fresh_configuration() as other:
        assert one.rabbit_scheme == "memory"
        assert one.endpoints != other.endpoints


def test_a_broker_in_memory_that_is_named_is_not_shared_either() -> None:
    with fresh_configuration("memory://shared") as configuration:
        assert [str(endpoint) for endpoint in configuration.endpoints] != ["shared:0"]


def test_the_broker_goes_with_it() -> None:
    with fresh_configuration() as configuration:
        name = configuration.endpoints[0].host
        broker = memory_broker(name)
        assert memory_broker(name) is broker
    assert memory_broker(name) is not broker


def test_load_finds_the_same_and_nothing_of_whoever_runs_the_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "baton-greet.cfg"
    file.write_text("COLOUR: blue\nPREFETCH: 7\n")
    monkeypatch.setattr(sources, "default_path", lambda extension: file)
    monkeypatch.setenv("BATON_ENVIRONMENT", "production")
    with fresh_configuration() as configuration:
        found: Any = GreetAPI().configuration
        assert found.endpoints == configuration.endpoints
        assert (found.environment, found.colour, found.prefetch) == (None, None, 200)
        os.environ["BATON_GRACE"] = "1"
    assert "BATON_GRACE" not in os.environ
    found = Configuration.load(extension="baton-greet")
    assert (found.environment, found.colour, found.prefetch) == ("production", "blue", 7)
    assert found.rabbit_scheme == "amqp"


def test_on_a_real_broker_the_exchanges_are_its_own(nobody: str) -> None:
    stack = ExitStack()
    one = stack.enter_context(fresh_configuration(f"amqp://{nobody}"))
    assert one.exchange is not None
    assert one.exchange.startswith("baton_test_")
    assert one.exchange_out == f"{one.exchange.removesuffix('_in')}_out"
    found = Configuration.load(extension="baton-greet")
    assert (found.exchange, found.exchange_out) == (one.exchange, one.exchange_out)
    with pytest.raises(BrokerUnavailable, match=r"connection refused$"):  # it deletes them
        stack.close()


def test_a_broker_that_is_not_there(nobody: str) -> None:
    with pytest.raises(BrokerUnavailable) as caught:
        require_broker(f"amqp://alice:hunter2@{nobody}")
    assert str(caught.value) == f"The tests' broker {nobody}: connection refused"
