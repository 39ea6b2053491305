"""Asking a fleet once, and what ends that early."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from baton import Configuration, Reply
from baton.errors import BrokerUnavailable, PublishTimeout

if TYPE_CHECKING:
    from conftest import PingedFleet


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_gives_the_account_of_what_has_come(
    pinged: PingedFleet, capsys: pytest.CaptureFixture[str], name: str, code: int
) -> None:
    signals = iter([getattr(signal, name)])

    def describe(reply: Reply) -> str:
        for number in signals:  # once: the second one is more urgent
            os.kill(os.getpid(), number)
        return "up"

    assert pinged.ask(timeout=30, describe=describe) == code
    *_, title, times, later = capsys.readouterr().out.splitlines()
    assert "answered" in title
    assert title.endswith(", interrupted")
    assert times.startswith("round trip ")
    assert later.startswith("later: baton replies ")
    assert not [queue for queue in pinged.broker.queues if "requester" in queue.name]


def test_an_output_that_takes_no_more_closes_the_connection(pinged: PingedFleet) -> None:
    def describe(reply: Reply) -> str:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        pinged.ask(describe=describe)
    assert not [queue for queue in pinged.broker.queues if "requester" in queue.name]


def test_the_connection_is_lost_on_the_way(
    pinged: PingedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    def describe(reply: Reply) -> str:
        pinged.broker.stop("for maintenance")
        return "up"

    with pytest.raises(BrokerUnavailable):
        pinged.ask(timeout=30, describe=describe)
    pinged.broker.start()
    assert ", interrupted\n" in capsys.readouterr().out


def test_what_may_still_arrive_can_be_asked_for_later(
    pinged: PingedFleet, memory_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pinged.configuration = Configuration(rabbit_url=memory_url, deadline=2)
    pinged.broker.block()
    with pytest.raises(PublishTimeout):
        pinged.ask(timeout=30, expires=0.1)
    pinged.broker.unblock()
    title, later = capsys.readouterr().out.splitlines()
    assert title == "0 servers answered, interrupted"
    assert later.startswith("later: baton replies ")


def test_there_is_no_account_of_what_was_not_sent(
    pinged: PingedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    pinged.broker.stop("for maintenance")
    with pytest.raises(BrokerUnavailable):
        pinged.ask(timeout=30)
    pinged.broker.start()
    assert capsys.readouterr().out == ""
