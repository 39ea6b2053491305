"""Bringing alerts to one destination, which may be away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from baton_ping_monitor.alerts.delivery import Delivery, Pauses
from baton_ping_monitor.alerts.destinations import make_destinations
from baton_ping_monitor.alerts.wording import Alert, Tone

if TYPE_CHECKING:
    import pytest

    from webhook import Receiver

QUICK = Pauses(first=0.01, longest=0.02, give_up=30)


def alert(title: str) -> Alert:
    return Alert(title, "It is missing.", Tone.BAD)


class Notes:
    """What became of alerts."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []
        self._news = asyncio.Event()

    def __call__(self, alert: Alert, name: str, trouble: str) -> None:
        self.all.append((alert.title, trouble))
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not condition():
                self._news.clear()
                await self._news.wait()


def delivery(receiver: Receiver, notes: Notes, pauses: Pauses = QUICK) -> Delivery:
    (destination,) = make_destinations([receiver.url])
    return Delivery(destination, notes, pauses)


async def test_they_come_in_order_and_none_is_lost_while_it_is_away(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.refuses = 3
    notes = Notes()
    to = delivery(receiver, notes)
    for title in "abc":
        to.put(alert(title))
    assert to.waiting == 3
    await notes.until(lambda: len(notes.all) == 3)
    assert notes.all == [("a", ""), ("b", ""), ("c", "")]
    assert [each["title"] for each in receiver.wait_for(3)] == ["a", "b", "c"]
    told = [each for each in caplog.messages if "it is tried again" in each]
    assert len(told) == 1  # not with every try
    assert receiver.shown in told[0]
    await to.stop(1)
    assert to.waiting == 0


async def test_it_is_given_up_in_the_end(receiver: Receiver) -> None:
    receiver.refuses = 1_000
    notes = Notes()
    to = delivery(receiver, notes, Pauses(first=0.01, longest=0.01, give_up=0.05))
    to.put(alert("a"))
    await notes.until(lambda: bool(notes.all))
    ((title, trouble),) = notes.all
    assert title == "a"
    assert "503" in trouble
    await to.stop(1)


async def test_when_too_many_wait_the_oldest_goes(receiver: Receiver) -> None:
    receiver.gate.clear()
    notes = Notes()
    to = delivery(receiver, notes)
    for number in range(102):
        to.put(alert(str(number)))
    assert to.waiting == 100
    assert notes.all == [
        ("0", "more than 100 alerts were waiting"),
        ("1", "more than 100 alerts were waiting"),
    ]
    receiver.gate.set()
    await notes.until(lambda: len(notes.all) == 102)
    await to.stop(1)


async def test_a_stop_does_not_wait_for_one_that_does_not_answer(receiver: Receiver) -> None:
    receiver.gate.clear()
    to = delivery(receiver, Notes())
    to.put(alert("a"))
    async with asyncio.timeout(5):
        await to.stop(0.05)
    assert to.waiting == 1


async def test_a_stop_lets_what_waits_be_sent(receiver: Receiver) -> None:
    to = delivery(receiver, Notes())
    to.put(alert("a"))
    await to.stop(15)
    assert [each["title"] for each in receiver.messages] == ["a"]
