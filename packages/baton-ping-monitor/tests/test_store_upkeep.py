"""The store is rolled up and pruned while the dashboard runs."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from baton_ping_monitor.store.records import Span
from baton_ping_monitor.store.upkeep import Upkeep
from databases.stores import DAY, NOON, Stores, messages, pong, write

WEB = "web01.example.org"
PATIENCE = 20.0


@pytest.fixture
def stores(tmp_path: Path, empty_database: Path) -> Iterator[Stores]:
    path = shutil.copy(empty_database, tmp_path)
    with ExitStack() as stack:
        yield Stores(f"sqlite:///{path}?timeout=0.05", stack)


async def running(upkeep: Upkeep, condition: Callable[[], object]) -> None:
    """Let *upkeep* run until *condition* holds."""
    task = asyncio.create_task(upkeep.run())
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  (what threads do is told by no event)
            await asyncio.sleep(0.005)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_it_rolls_up_and_prunes_again_and_again(stores: Stores) -> None:
    store = stores.open()
    write(store, pong(WEB, message_id="a"))
    upkeep = Upkeep(store, roll_every=0.01, prune_every=0.01)
    await running(upkeep, lambda: store.points(WEB, Span.DAY, NOON))
    stores.now += 2 * DAY
    write(store, pong(WEB, stores.now, message_id="b"))
    await running(upkeep, lambda: messages(store) == ["b"])
    await running(upkeep, lambda: len(store.points(WEB, Span.WEEK, stores.now)) == 2)


async def test_a_failure_is_logged_once_and_made_good(
    stores: Stores, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = stores.open()
    write(store, pong(WEB))
    caplog.clear()
    upkeep = Upkeep(store, roll_every=0.01, prune_every=0.01)
    with closing(sqlite3.connect(tmp_path / "dashboard.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await running(upkeep, lambda: upkeep.failures >= 3)
        other.execute("ROLLBACK")
    await running(upkeep, lambda: upkeep.failures == 0)
    assert store.points(WEB, Span.DAY, NOON)
    (record,) = caplog.records
    assert record.message.endswith("failed: database is locked; it is tried again")


async def test_nothing_that_the_driver_raises_ends_it(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk, when pages are given back: that is asked of the driver itself."""

    def fail() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    store = stores.open()
    caplog.clear()
    upkeep = Upkeep(store, roll_every=0.01, prune_every=0.01)
    prune, store.prune = store.prune, fail  # type: ignore[method-assign]
    await running(upkeep, lambda: upkeep.failures)
    store.prune = prune  # type: ignore[method-assign]
    await running(upkeep, lambda: upkeep.failures == 0)
    assert caplog.records[0].message.endswith("disk is full; it is tried again")


def test_a_file_that_became_empty_shrinks(stores: Stores, tmp_path: Path) -> None:
    store = stores.open()
    for number in range(100):
        write(store, pong(WEB, body=f"{number}" * 30_000))
    before = store.size()
    assert before > 5_000_000
    store.roll()
    stores.now += 2 * DAY
    store.prune()
    assert store.size() < before / 2
    store.close()
    assert (tmp_path / "dashboard.db").stat().st_size < before / 2
