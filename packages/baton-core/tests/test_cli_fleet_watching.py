"""`--watch`."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import pytest

from baton import Configuration, Message, Reply, Server
from baton.cli.fleet.asking import ask
from baton.cli.fleet.collecting import Question
from baton.cli.fleet.options import FleetOptions
from baton.cli.fleet.series import Series
from baton.cli.fleet.watching import screen_rows
from baton.cli.terminal import cells
from baton.errors import BrokerUnavailable
from baton.extension import Extension
from baton.fleet import Result
from baton.testing import ServiceFactory
from baton.transports.memory import memory_broker
from baton_ping.service import PingService

GOOD = Result(
    message_id="1", extension="baton-ping", type="ping", targets=("p",), sent=0.0, timeout=2.0,
    took=0.1, answered=1,
)  # fmt: skip
ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


def say(series: Series, fqdn: str, elapsed: float = 0.0123, **said: Any) -> None:
    message = Message({"type": "pong", "fqdn": fqdn, **said})
    series.reply(Reply(message, elapsed, "one", {"outcome": "done"}))


def rows(series: Series, height: int = 24, width: int = 80) -> list[str]:
    return ["".join(span.text for span in line) for line in screen_rows(series, height, width)]


def a_series() -> Series:
    series = Series(lambda reply: str(reply.message.get("n", "")), frozenset(["web04"]))
    for name in ("web01", "web02", "web03"):
        say(series, name, n="shop")
    series.finish(GOOD)
    say(series, "web01", 1.5, n="shop")
    say(series, "web03", type="error", error_message="disk\x1b full")
    series.finish(GOOD)
    return series


def test_those_that_are_lost_or_failing_come_first() -> None:
    assert rows(a_series()) == [
        "  server      last      lost       avg       max",
        "x web02          -       1/2      12.3      12.3  shop",
        "x web04          -       2/2         -         -  ",
        "! web03       12.3         -      12.3      12.3  error: disk� full",
        "  web01    1,500.0         -     756.1   1,500.0  shop",
    ]


def test_those_that_were_not_asked_yet_are_not_lost() -> None:
    assert rows(Series(lambda _: "", frozenset(["web01"])))[1] == (
        "  web01          -         -         -         -  "
    )


def test_those_that_have_no_room_are_counted() -> None:
    assert rows(a_series(), 3)[1:] == [
        "x web02          -       1/2      12.3      12.3  shop",
        "  … and 3 more",
    ]
    assert rows(a_series(), 1) == []
    assert len(rows(a_series(), 5)) == 5


def test_a_long_name_leaves_room_for_the_rest() -> None:
    series = Series(lambda _: "")
    say(series, "w" * 100)
    series.finish(GOOD)
    head, row = rows(series, width=40)
    assert row.startswith(f"  {'w' * 19}…      12.3")
    assert head.index("last") + 4 == row.index("12.3") + 4


Watch = Callable[..., tuple[int, str]]


@pytest.fixture
def watch(
    baton_service: ServiceFactory,
    memory_url: str,
    screen: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Watch:
    """Watches web01, and returns the exit code and what was written to the terminal."""
    baton_service(PingService, Server("web01.example.org", "production"), rabbit_url=memory_url)
    monkeypatch.setenv("COLUMNS", "100")

    def watch(describe: Callable[[Reply], str], **options: Any) -> tuple[int, str]:
        fleet = FleetOptions(watch=True, timeout=30.0, interval=0.01, **options)
        request = fleet.request({"type": "ping"}, ("web01.example.org",))
        configuration = Configuration(rabbit_url=memory_url, deadline=3)
        question = Question(configuration, Extension("baton-ping"), request, fleet, describe)
        with redirect_stdout(screen()) as shown:
            code = ask(question)
        return code, shown.shown

    return watch


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_it_repaints_until_a_signal(watch: Watch, name: str, code: int) -> None:
    seen: list[Reply] = []

    def describe(reply: Reply) -> str:
        seen.append(reply)
        if len(seen) == 3:
            os.kill(os.getpid(), getattr(signal, name))
        return "up"

    ended, shown = watch(describe)
    assert ended == code
    assert shown.startswith(ENTER)
    painted, _, total = shown.partition(LEAVE)
    total = re.sub(r"\x1b\[\d*m", "", total)
    assert re.match(r"\d rounds: \d of \d answers came, 0% lost\nround trip  ", total)
    frames = [frame.partition("\x1b[J")[0] for frame in painted.split("\x1b[H")[1:]]
    assert len(frames) >= 3  # the first one is empty
    lines = re.sub(r"\x1b\[\d*[mK]", "", frames[2]).splitlines()
    assert lines[0].startswith("baton-ping web01.example.org  every 0.01 s, round 2, ")
    assert lines[1].startswith("1 server answered in ")
    assert lines[4].split() == ["server", "last", "lost", "avg", "max"]
    assert re.fullmatch(r"  web01\.example\.org( +[\d,.]+) +-( +[\d,.]+){2}  up", lines[5])
    assert len(lines) < 10
    assert max(map(cells, lines)) < 100


def test_a_broker_that_is_away_from_the_start(watch: Watch, memory_url: str) -> None:
    broker = memory_broker(memory_url.removeprefix("memory://"))
    broker.stop("connection refused")
    with pytest.raises(BrokerUnavailable):
        watch(lambda _: "")
    broker.start()
