"""Asking a fleet once, and what ends that early."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from baton import Configuration, Reply, Server
from baton.cli.fleet.asking import ask
from baton.cli.fleet.collecting import Question
from baton.cli.fleet.options import FleetOptions
from baton.errors import BrokerUnavailable, PublishTimeout
from baton.extension import Extension
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


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_gives_the_account_of_what_has_come(
    fleet: Fleet, capsys: pytest.CaptureFixture[str], name: str, code: int
) -> None:
    signals = iter([getattr(signal, name)])

    def describe(reply: Reply) -> str:
        for number in signals:  # once: the second one is more urgent
            os.kill(os.getpid(), number)
        return "up"

    assert fleet.ask(timeout=30, describe=describe) == code
    *_, title, times, later = capsys.readouterr().out.splitlines()
    assert "answered" in title
    assert title.endswith(", interrupted")
    assert times.startswith("round trip ")
    assert later.startswith("later: baton replies ")
    assert not [queue for queue in fleet.broker.queues if "requester" in queue.name]


def test_an_output_that_takes_no_more_closes_the_connection(fleet: Fleet) -> None:
    def describe(reply: Reply) -> str:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        fleet.ask(describe=describe)
    assert not [queue for queue in fleet.broker.queues if "requester" in queue.name]


def test_the_connection_is_lost_on_the_way(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    def describe(reply: Reply) -> str:
        fleet.broker.stop("for maintenance")
        return "up"

    with pytest.raises(BrokerUnavailable):
        fleet.ask(timeout=30, describe=describe)
    fleet.broker.start()
    assert ", interrupted\n" in capsys.readouterr().out


def test_what_may_still_arrive_can_be_asked_for_later(
    fleet: Fleet, memory_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.configuration = Configuration(rabbit_url=memory_url, deadline=0.2)
    fleet.broker.block()
    with pytest.raises(PublishTimeout):
        fleet.ask(timeout=30, expires=0.1)
    fleet.broker.unblock()
    title, later = capsys.readouterr().out.splitlines()
    assert title == "0 servers answered, interrupted"
    assert later.startswith("later: baton replies ")


def test_there_is_no_account_of_what_was_not_sent(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.broker.stop("for maintenance")
    with pytest.raises(BrokerUnavailable):
        fleet.ask(timeout=30)
    fleet.broker.start()
    assert capsys.readouterr().out == ""
