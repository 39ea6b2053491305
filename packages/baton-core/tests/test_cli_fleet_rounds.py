"""`--count`."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable

import pytest

from baton import Configuration, Message, Reply, Server
from baton.cli.fleet.asking import ask
from baton.cli.fleet.collecting import Question
from baton.cli.fleet.options import FleetOptions
from baton.cli.fleet.rounds import Rounds, total
from baton.cli.fleet.series import Series
from baton.errors import BrokerUnavailable
from baton.extension import Extension
from baton.fleet import Result, Runs
from baton.testing import ServiceFactory
from baton.transports.memory import MemoryBroker, memory_broker
from baton_ping.service import PingService

GOOD = Result(
    message_id="1", extension="baton-ping", type="ping", targets=("p",), sent=0.0, timeout=2.0,
    took=0.1, answered=1,
)  # fmt: skip

Ask = Callable[..., int]


@pytest.fixture
def broker(memory_url: str) -> MemoryBroker:
    return memory_broker(memory_url.removeprefix("memory://"))


@pytest.fixture
def web01(baton_service: ServiceFactory, memory_url: str) -> None:
    baton_service(PingService, Server("web01.example.org", "production"), rabbit_url=memory_url)


@pytest.fixture
def repeat(memory_url: str) -> Ask:
    """Asks several times: as often as ``count`` says."""

    def repeat(
        *targets: str, describe: Callable[[Reply], str] = lambda _: "", **options: object
    ) -> int:
        fleet = FleetOptions(**{"interval": 0.01, "timeout": 30.0, **options})  # type: ignore[arg-type]
        keys = targets or ("web01.example.org",)
        request = fleet.request({"type": "ping"}, keys)
        configuration = Configuration(rabbit_url=memory_url, deadline=3)
        return ask(Question(configuration, Extension("baton-ping"), request, fleet, describe))

    return repeat


@pytest.mark.usefixtures("web01")
def test_a_line_each_and_a_total(repeat: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    assert repeat(count=3) == 0
    *lines, empty, title, times = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert re.fullmatch(r"\d\d:\d\d:\d\d  1 server answered, avg [\d,.]+, max [\d,.]+ ms", line)
    assert (empty, title) == ("", "3 rounds: 3 of 3 answers came, 0% lost")
    assert times.startswith("round trip       avg ")


@pytest.mark.usefixtures("web01")
def test_those_that_are_missing_are_named(
    repeat: Ask, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("expected") / "names"
    file.write_text("web01.example.org\n" + "".join(f"db{n:02}.example.org\n" for n in range(5)))
    assert repeat(count=2, expect_file=file, timeout=0.05) == 1
    first, *_, lost = capsys.readouterr().out.splitlines()
    assert "  1 of 6 servers answered, " in first
    assert first.endswith(
        "missing: db00.example.org, db01.example.org, db02.example.org and 2 more"
    )
    assert lost.startswith("lost (5)         db00.example.org 2 of 2, db01")


@pytest.mark.usefixtures("web01")
def test_rounds_are_not_kept_as_runs(
    repeat: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    assert repeat(count=2) == 0
    assert list(Runs().all()) == []


@pytest.mark.usefixtures("web01")
def test_json_lines(repeat: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    assert repeat(count=2, as_jsonl=True) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [list(line) for line in lines] == [["reply"], ["result"]] * 2


@pytest.mark.usefixtures("web01")
def test_nobody_listens(repeat: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    assert repeat("web01.example.org", "nowhere", count=2) == 1
    said = capsys.readouterr().err
    assert said == 'baton: No server listens on "nowhere" (exchange baton_ping_in)\n' * 2


@pytest.mark.usefixtures("web01")
@pytest.mark.parametrize(("count", "code"), [(3, 3), (4, 1)])
def test_a_broker_that_goes_away_is_waited_for(
    repeat: Ask,
    broker: MemoryBroker,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    code: int,
) -> None:
    """It is lost in the second round, away in the third one, and there again in the fourth."""
    seen: list[Reply] = []
    pauses: list[float] = []

    def describe(reply: Reply) -> str:
        seen.append(reply)
        if len(seen) == 2:
            broker.stop("for maintenance")
        return ""

    async def pause(self: Rounds, began: float) -> None:
        pauses.append(began)
        if len(pauses) == 3:
            broker.start()

    monkeypatch.setattr(Rounds, "pause", pause)
    assert repeat(count=count, describe=describe) == code
    broker.start()
    said = capsys.readouterr()
    assert said.err.count("baton: ") >= 2
    assert f"\n{count} rounds: " in said.out


def test_a_broker_that_is_away_from_the_start(repeat: Ask, broker: MemoryBroker) -> None:
    broker.stop("connection refused")
    with pytest.raises(BrokerUnavailable):
        repeat(count=3)


@pytest.mark.usefixtures("web01")
def test_a_signal_ends_it_with_the_total(repeat: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Reply] = []

    def describe(reply: Reply) -> str:
        seen.append(reply)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return ""

    assert repeat("production", count=1000, describe=describe, timeout=2) == 130
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith(", interrupted")
    assert lines[3] == "1 round: 1 of 1 answers came, 0% lost"


def reply(fqdn: str) -> Reply:
    return Reply(Message({"type": "pong", "fqdn": fqdn}), 0.01, "one", {"outcome": "done"})


def test_the_total_names_the_lost_and_shortens_the_list() -> None:
    series = Series(lambda _: "", frozenset(f"web{n:02}" for n in range(25)))
    series.reply(reply("web24"))
    series.finish(GOOD)
    lines = ["".join(span.text for span in line) for line in total(series)]
    assert lines[0] == "1 round: 1 of 25 answers came, 96.0% lost"
    assert lines[2].startswith("lost (24)        web00 1 of 1, web01 1 of 1, ")
    assert lines[2].endswith("web19 1 of 1, … and 4 more")
    wrapped = ["".join(span.text for span in line) for line in total(series, 40)]
    assert wrapped[3].startswith(" " * 17 + "web01 1 of 1,")
