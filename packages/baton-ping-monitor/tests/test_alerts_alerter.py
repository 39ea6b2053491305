"""Which alerts there are, as a web server receives them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from baton_ping_monitor.alerts.alerter import Alerter, Pace
from baton_ping_monitor.alerts.delivery import Pauses
from baton_ping_monitor.alerts.destinations import make_destinations
from baton_ping_monitor.clock import Clock
from baton_ping_monitor.fleet.view import Blindness, Incident

if TYPE_CHECKING:
    from webhook import Receiver

AT = 1_750_000_000.0
QUICK = Pace(gather=0.05, blind=0.1, pauses=Pauses(first=0.01))
NEVER = Pace(gather=3600, blind=3600)

Make = Callable[..., Alerter]


@pytest.fixture
def make(receiver: Receiver) -> Make:
    """Makes alerters that tell the receiver."""

    def make_one(pace: Pace = QUICK, *, dry_run: bool = False, deaf: bool = False) -> Alerter:
        urls = [receiver.url, *(["json://127.0.0.1:1/hunter2"] if deaf else [])]
        return Alerter(make_destinations(urls), Clock(), dry_run=dry_run, pace=pace)

    return make_one


def incident(number: int = 1, ended: float | None = None) -> Incident:
    fqdn = f"web{number:02}.example.org"
    return Incident(str(number), fqdn, False, "production", (fqdn,), AT, ended)


async def titles(receiver: Receiver, number: int) -> list[str]:
    """The titles of so many messages, when they have come."""
    messages = await asyncio.to_thread(receiver.wait_for, number)
    return [message["title"] for message in messages]


async def test_one_message_for_an_incident_and_one_when_it_is_over(
    make: Make, receiver: Receiver
) -> None:
    alerter = make()
    alerter.changed([incident()])
    assert await titles(receiver, 1) == ["web01.example.org is missing"]
    alerter.changed([replace(incident(), servers=("a", "b"))])  # it grew
    alerter.changed([incident(ended=AT + 60)])
    assert await titles(receiver, 2) == [
        "web01.example.org is missing",
        "web01.example.org is no longer missing",
    ]
    alerter.changed([incident()])  # the same again is another
    assert len(await titles(receiver, 3)) == 3
    assert await alerter.stop(5) == 0
    assert len(receiver.messages) == 3


async def test_a_few_at_once_are_a_message_each_and_many_are_one(
    make: Make, receiver: Receiver
) -> None:
    alerter = make()
    alerter.changed([incident(number) for number in range(5)])
    assert len(await titles(receiver, 5)) == 5
    alerter.changed([incident(number) for number in range(10, 13)])
    alerter.changed([incident(number) for number in range(13, 16)])
    assert (await titles(receiver, 6))[5:] == ["6 new incidents: 6 servers missing"]
    alerter.changed([incident(number, AT + 9) for number in range(10, 16)])
    assert (await titles(receiver, 7))[6:] == ["6 incidents over: 6 servers no longer missing"]
    await alerter.stop(5)


async def test_one_that_is_over_before_it_was_told_of_is_one_message(
    make: Make, receiver: Receiver
) -> None:
    alerter = make(NEVER)
    alerter.changed([incident()])
    alerter.changed([incident(ended=AT + 4)])
    await alerter.stop(5)
    assert await titles(receiver, 1) == ["web01.example.org was missing for 4 s"]


async def test_what_was_gathered_is_sent_at_the_end(make: Make, receiver: Receiver) -> None:
    alerter = make(NEVER)
    alerter.changed([incident()])
    assert await alerter.stop(5) == 0
    assert await titles(receiver, 1) == ["web01.example.org is missing"]


async def test_after_a_restart_only_what_changed_is_told(make: Make, receiver: Receiver) -> None:
    alerter = make(NEVER)
    alerter.restore([incident(1), incident(2), incident(3, ended=AT)])
    alerter.changed([incident(1), incident(2, ended=AT + 60)])
    await alerter.stop(5)
    assert await titles(receiver, 1) == ["web02.example.org is no longer missing"]
    assert len(receiver.messages) == 1


async def test_what_nobody_was_told_of_is_told_after_a_restart(
    make: Make, receiver: Receiver
) -> None:
    alerter = make(NEVER)
    alerter.restore([incident(1), incident(2)], told={"1"})
    await alerter.stop(5)
    assert await titles(receiver, 1) == ["web02.example.org is missing"]
    assert len(receiver.messages) == 1


async def test_an_end_that_nobody_was_told_of_is_told_after_a_restart(
    make: Make, receiver: Receiver
) -> None:
    alerter = make(NEVER)
    alerter.restore([incident(1)], told={"1", "2"}, over=[incident(2, ended=AT + 60)])
    await alerter.stop(5)
    assert await titles(receiver, 1) == ["web02.example.org is no longer missing"]
    assert len(receiver.messages) == 1


async def test_while_the_monitor_is_blind_it_tells_of_nothing_else(
    make: Make, receiver: Receiver
) -> None:
    alerter = make()
    blindness = Blindness(AT, "no broker")
    alerter.changed([incident()])
    alerter.blind(blindness)
    alerter.blind(blindness)
    assert await titles(receiver, 1) == ["The monitor sees nothing"]
    alerter.changed([incident(2)])
    alerter.blind(None)
    alerter.blind(None)
    assert await titles(receiver, 4) == [
        "The monitor sees nothing",
        "The monitor sees again",
        "web01.example.org is missing",
        "web02.example.org is missing",
    ]
    await alerter.stop(5)


async def test_a_short_blindness_is_not_told_of(make: Make, receiver: Receiver) -> None:
    alerter = make(replace(NEVER, gather=0.01))
    alerter.blind(Blindness(AT, "no broker"))
    alerter.blind(None)
    alerter.changed([incident()])
    assert await titles(receiver, 1) == ["web01.example.org is missing"]
    await alerter.stop(5)
    assert len(receiver.messages) == 1


async def test_a_blind_monitor_that_ends_keeps_what_it_does_not_know_to_itself(
    make: Make, receiver: Receiver
) -> None:
    alerter = make(NEVER)
    alerter.changed([incident()])
    alerter.blind(Blindness(AT, "no broker"))
    await alerter.stop(5)
    assert receiver.messages == []


async def test_the_dry_run_only_logs(
    make: Make, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    alerter = make(NEVER, dry_run=True)
    assert alerter.is_dry
    alerter.changed([incident()])
    assert await alerter.test("ann") == ""
    await alerter.stop(5)
    assert receiver.messages == []
    assert any(each.startswith("Alert (dry run): A test of ") for each in caplog.messages)
    assert any("web01.example.org is missing: " in each for each in caplog.messages)


async def test_the_test_tells_what_goes_wrong_and_where(make: Make, receiver: Receiver) -> None:
    alerter = make()
    assert await alerter.test("ann") == ""
    assert await titles(receiver, 1) == ["A test of the monitor's alerts"]
    receiver.refuses = 1
    trouble = await alerter.test("ann")
    assert trouble.startswith(f"{receiver.shown}: ")
    assert "503" in trouble
    await alerter.stop(0)


async def test_one_destination_does_not_keep_another_waiting(
    make: Make, receiver: Receiver
) -> None:
    alerter = make(deaf=True)
    assert list(alerter.destinations) == [receiver.shown, "json://127.0.0.1:1/…"]
    alerter.changed([incident(1)])
    assert len(await titles(receiver, 1)) == 1
    alerter.changed([incident(2)])
    assert len(await titles(receiver, 2)) == 2
    assert await alerter.stop(2) == 2


async def test_what_became_of_each_message_is_noted(receiver: Receiver) -> None:
    noted: list[tuple[str, tuple[str, ...], str, str]] = []
    alerter = Alerter(
        make_destinations([receiver.url]),
        Clock(),
        pace=QUICK,
        sent=lambda alert, name, trouble: noted.append(
            (alert.title, alert.incidents, name, trouble)
        ),
    )
    alerter.changed([incident()])
    await titles(receiver, 1)
    await alerter.stop(5)
    assert noted == [("web01.example.org is missing", ("1",), receiver.shown, "")]


async def test_nobody_is_to_be_told() -> None:
    alerter = Alerter([], Clock(), pace=QUICK)
    alerter.changed([incident()])
    assert list(alerter.destinations) == []
    assert await alerter.test("ann") == "Nobody is told of anything: ALERTS is not set"
    assert await alerter.stop(1) == 0
