"""Asking a fleet from the command line, with services in this process."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import click
import pytest

from baton import Configuration
from baton.errors import BrokerUnavailable, InvalidFilter, InvalidMessage
from baton.fleet import load_run

if TYPE_CHECKING:
    from conftest import PingedFleet


def test_all_that_are_expected_answer(
    pinged: PingedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pinged.ask(expect=2, timeout=30) == 0
    first, second, empty, title, times = capsys.readouterr().out.splitlines()
    assert sorted([first[:17], second[:17]]) == ["web01.example.org", "web02.example.org"]
    assert empty == ""
    assert re.fullmatch(r"2 of 2 servers answered in \d+\.\d+ s", title)
    assert times.startswith("round trip ")


def test_one_is_missing(pinged: PingedFleet, capsys: pytest.CaptureFixture[str]) -> None:
    assert pinged.ask(expect=3, timeout=0.1) == 1
    said = capsys.readouterr()
    assert "\nmissing (1)      not known by name\nlater: baton replies " in said.out
    assert said.err == ""


def test_a_target_on_which_nobody_listens(
    pinged: PingedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pinged.ask("web01.example.org", "staging") == 1
    said = capsys.readouterr()
    assert "1 server answered" in said.out
    assert said.err == 'baton: No server listens on "staging" (exchange baton_ping_in)\n'


def test_no_service_has_ever_connected(
    empty: PingedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert empty.ask(as_json=True) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["unroutable"] == ["production"]
    assert said.err == (
        'baton: No server listens on "production" (exchange baton_ping_in): '
        "no service has connected yet, the exchange does not exist\n"
    )


def test_the_run_is_kept(pinged: PingedFleet, capsys: pytest.CaptureFixture[str]) -> None:
    assert pinged.ask(expect=2, as_json=True) == 0
    document = json.loads(capsys.readouterr().out)
    run = load_run(document["id"])
    assert run.answered == {"web01.example.org", "web02.example.org"}


def test_the_broker_is_away(empty: PingedFleet, capsys: pytest.CaptureFixture[str]) -> None:
    empty.broker.stop("connection refused")
    with pytest.raises(BrokerUnavailable, match="No broker could be reached"):
        empty.ask()
    assert capsys.readouterr() == ("", "")


def test_what_cannot_be_asked_is_said_before_it_connects(empty: PingedFleet) -> None:
    empty.broker.stop("connection refused")
    with pytest.raises(InvalidFilter):
        empty.ask(where=("cpus >> 8",))
    with pytest.raises(InvalidMessage, match="--expect-file"):
        empty.ask(limit="10%")


def test_a_filter_leaves_out_the_others(
    pinged: PingedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pinged.ask(where=("fqdn=web01*",), expect=1, timeout=30, as_names=True) == 0
    assert capsys.readouterr() == ("web01.example.org\n", "")


def test_ruby_servers_know_no_filter(
    pinged: PingedFleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pinged.configuration = Configuration(
        rabbit_url=f"memory://{pinged.configuration.endpoints[0].host}", interop=True
    )
    pinged.ask(where=("fqdn=web01*",), expect=1, timeout=0.1)
    warning = "baton: Servers that run the Ruby Baton do not know --where: they all do it\n"
    assert capsys.readouterr().err.startswith(warning)


def test_watching_needs_a_terminal(pinged: PingedFleet) -> None:
    with pytest.raises(click.UsageError, match="--watch needs a terminal"):
        pinged.ask(watch=True)
