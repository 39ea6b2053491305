"""Alerts that a restart neither repeats nor forgets, on a real store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from baton import ConfigurationError
from baton_ping_monitor.alerts.alerter import Pace
from baton_ping_monitor.alerts.kept import KeptAlerter
from baton_ping_monitor.clock import Clock
from baton_ping_monitor.fleet.view import Incident
from baton_ping_monitor.settings import AlertSettings, Retention
from baton_ping_monitor.store.store import Store

if TYPE_CHECKING:
    from conftest import Receiver

NEVER = Pace(gather=3600, blind=3600)
INCIDENT = Incident("1", "web01.example.org", False, "production", ("web01.example.org",), 1e9)

Begin = Callable[..., Awaitable[KeptAlerter]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store in a file."""
    store = Store.open(f"sqlite:///{tmp_path}/monitor.db", Retention(), Clock())
    yield store
    store.close()


@pytest.fixture
def begin(store: Store, receiver: Receiver) -> Begin:
    """Begins an alerter, after a restart for instance."""

    async def begin_one(*incidents: Incident, **settings: Any) -> KeptAlerter:
        told = AlertSettings(urls=(receiver.url,), **settings)
        return await KeptAlerter.begin(told, store, Clock(), incidents, NEVER)

    return begin_one


def titles(receiver: Receiver) -> list[str]:
    return [message["title"] for message in receiver.messages]


async def test_what_was_told_is_kept(begin: Begin, store: Store, receiver: Receiver) -> None:
    alerter = await begin()
    alerter.changed([INCIDENT])
    assert await alerter.stop(15) == 0
    (record,) = store.alerts(10)
    assert (record.incident, record.trouble) == ("1", "")
    assert record.title == "web01.example.org is missing"
    assert record.destination == receiver.shown


async def test_what_was_told_is_not_told_after_a_restart_but_its_end_is(
    begin: Begin, receiver: Receiver
) -> None:
    first = await begin()
    first.changed([INCIDENT])
    await first.stop(15)
    second = await begin(INCIDENT)
    await second.stop(15)
    third = await begin(INCIDENT)
    third.changed([replace(INCIDENT, ended=1e9 + 60)])
    await third.stop(15)
    assert titles(receiver) == [
        "web01.example.org is missing",
        "web01.example.org is no longer missing",
    ]


async def test_what_nobody_was_told_of_is_told_after_a_restart(
    begin: Begin, receiver: Receiver
) -> None:
    alerter = await begin(INCIDENT)
    await alerter.stop(15)
    assert titles(receiver) == ["web01.example.org is missing"]


async def test_a_test_is_kept_with_what_went_wrong(
    begin: Begin, store: Store, receiver: Receiver
) -> None:
    alerter = await begin()
    receiver.refuses = 1
    await alerter.test("ann")
    await alerter.stop(15)
    (record,) = store.alerts(10)
    assert record.incident == ""
    assert "503" in record.trouble


async def test_a_store_that_fails_harms_nothing(
    begin: Begin, store: Store, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    alerter = await begin()
    await asyncio.to_thread(_drop_alerts, store)
    alerter.changed([INCIDENT])
    assert await alerter.stop(15) == 0
    assert titles(receiver) == ["web01.example.org is missing"]
    assert "What became of an alert could not be kept" in caplog.text


def _drop_alerts(store: Store) -> None:
    with store._writing() as connection:
        connection.exec_driver_sql("DROP TABLE alerts")


async def test_a_wrong_url_is_told_at_the_start(store: Store) -> None:
    with pytest.raises(ConfigurationError, match=r"^ALERTS: number 1 of 1 \(frob://…\)"):
        await KeptAlerter.begin(AlertSettings(urls=("frob://x",)), store, Clock())
