"""Asking a fleet from the command line, with services in this process."""

from __future__ import annotations

import json
from collections.abc import Callable

import click
import pytest

from baton import Configuration, Reply, Server
from baton.cli.fleet.asking import ask
from baton.cli.fleet.collecting import Question
from baton.cli.fleet.options import FleetOptions
from baton.errors import BrokerUnavailable, InvalidFilter, InvalidMessage
from baton.extension import Extension
from baton.fleet import load_run
from baton.testing import ServiceFactory
from baton.transports.memory import memory_broker
from baton_ping.service import PingService

EXTENSION = Extension("baton-ping")


def place(reply: Reply) -> str:
    return str(reply.message.get("environment", ""))


class Fleet:
    """Two servers in production."""

    def __init__(self, url: str) -> None:
        self.configuration = Configuration(rabbit_url=url)
        self.broker = memory_broker(url.removeprefix("memory://"))

    def question(
        self, *targets: str, describe: Callable[[Reply], str] = place, **options: object
    ) -> Question:
        fleet = FleetOptions(**options)  # type: ignore[arg-type]
        request = fleet.request({"type": "ping"}, targets or ("production",))
        return Question(self.configuration, EXTENSION, request, fleet, describe)

    def ask(self, *targets: str, **options: object) -> int:
        return ask(self.question(*targets, **options))  # type: ignore[arg-type]


@pytest.fixture
def fleet(baton_service: ServiceFactory, memory_url: str) -> Fleet:
    for name in ("web01.example.org", "web02.example.org"):
        baton_service(PingService, Server(name, "production"), rabbit_url=memory_url)
    return Fleet(memory_url)


def test_all_that_are_expected_answer(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet.ask(expect=2, timeout=30) == 0
    first, second, empty, title, times = capsys.readouterr().out.splitlines()
    assert sorted([first[:17], second[:17]]) == ["web01.example.org", "web02.example.org"]
    assert empty == ""
    assert title.startswith("2 of 2 servers answered in 0.")
    assert times.startswith("round trip ")


def test_one_is_missing(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet.ask(expect=3, timeout=0.1) == 1
    said = capsys.readouterr()
    assert "\nmissing (1)      not known by name\nlater: baton replies " in said.out
    assert said.err == ""


def test_a_target_on_which_nobody_listens(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet.ask("web01.example.org", "staging") == 1
    said = capsys.readouterr()
    assert "1 server answered" in said.out
    assert said.err == 'baton: No server listens on "staging" (exchange baton_ping_in)\n'


def test_no_service_has_ever_connected(memory_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert Fleet(memory_url).ask(as_json=True) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["unroutable"] == ["production"]
    assert said.err == (
        'baton: No server listens on "production" (exchange baton_ping_in): '
        "no service has connected yet, the exchange does not exist\n"
    )


def test_the_run_is_kept(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet.ask(expect=2, as_json=True) == 0
    document = json.loads(capsys.readouterr().out)
    run = load_run(document["id"])
    assert run.answered == {"web01.example.org", "web02.example.org"}


def test_the_broker_is_away(memory_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = Fleet(memory_url)
    fleet.broker.stop("connection refused")
    with pytest.raises(BrokerUnavailable, match="No broker could be reached"):
        fleet.ask()
    assert capsys.readouterr() == ("", "")


def test_what_cannot_be_asked_is_said_before_it_connects(memory_url: str) -> None:
    fleet = Fleet(memory_url)
    fleet.broker.stop("connection refused")
    with pytest.raises(InvalidFilter):
        fleet.ask(where=("cpus >> 8",))
    with pytest.raises(InvalidMessage, match="--expect-file"):
        fleet.ask(limit="10%")


def test_a_filter_leaves_out_the_others(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet.ask(where=("fqdn=web01*",), expect=1, timeout=30, as_names=True) == 0
    assert capsys.readouterr() == ("web01.example.org\n", "")


def test_ruby_servers_know_no_filter(
    fleet: Fleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.configuration = Configuration(
        rabbit_url=f"memory://{fleet.configuration.endpoints[0].host}", interop=True
    )
    fleet.ask(where=("fqdn=web01*",), expect=1, timeout=0.1)
    warning = "baton: Servers that run the Ruby Baton do not know --where: they all do it\n"
    assert capsys.readouterr().err.startswith(warning)


def test_watching_needs_a_terminal(fleet: Fleet) -> None:
    with pytest.raises(click.UsageError, match="--watch needs a terminal"):
        fleet.ask(watch=True)
