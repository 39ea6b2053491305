"""What nobody waits for."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import DataError, OperationalError

from baton_ping_monitor.collector.keeper import Keeper

if TYPE_CHECKING:
    from conftest import Until


class Database:
    """It fails so many times, and does then what it is asked."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.written: list[int] = []
        self.tries = 0

    def write(self, number: int) -> None:
        self.tries += 1
        if self.failures:
            self.failures -= 1
            raise OperationalError("INSERT", {}, Exception("the disk is full"))
        self.written.append(number)


async def test_everything_is_done_in_order_also_at_the_end() -> None:
    database, keeper = Database(), Keeper()
    keeping = asyncio.ensure_future(keeper.run())
    for number in range(5):
        keeper.put(partial(database.write, number))
    keeper.close()
    assert await asyncio.wait_for(keeping, 5) == 0
    assert database.written == [0, 1, 2, 3, 4]


async def test_it_is_done_again_while_the_database_fails(until: Until) -> None:
    database, keeper = Database(failures=2), Keeper()
    keeping = asyncio.ensure_future(keeper.run())
    keeper.put(lambda: database.write(1))
    await until(lambda: database.written)
    keeper.close()
    assert await asyncio.wait_for(keeping, 5) == 0
    assert database.tries == 3


async def test_at_the_end_it_is_given_up(until: Until) -> None:
    database, keeper = Database(failures=1000), Keeper()
    keeping = asyncio.ensure_future(keeper.run())
    for number in range(3):
        keeper.put(partial(database.write, number))
    await until(lambda: database.tries)
    keeper.close()
    assert await asyncio.wait_for(keeping, 5) == 3


async def test_its_memory_is_bounded() -> None:
    database, keeper = Database(), Keeper(most=10)
    for number in range(30):
        keeper.put(partial(database.write, number))
    keeper.close()
    await keeper.run()
    assert database.written == list(range(20, 30))


@pytest.mark.parametrize(
    "error", [RecursionError("too deep"), DataError("INSERT", {}, Exception("out of range"))]
)
async def test_what_can_never_be_kept_does_not_keep_the_rest_waiting(
    error: Exception, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error

    database, keeper = Database(), Keeper()
    keeping = asyncio.ensure_future(keeper.run())
    keeper.put(fail)
    keeper.put(partial(database.write, 1))
    await until(lambda: database.written)
    keeper.close()
    assert await asyncio.wait_for(keeping, 5) == 1
    (record,) = caplog.records
    assert record.message.startswith("Something cannot be kept: ")


async def test_a_failure_is_logged_once(until: Until, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    database, keeper = Database(failures=3), Keeper()
    keeping = asyncio.ensure_future(keeper.run())
    keeper.put(partial(database.write, 1))
    await until(lambda: database.written)
    keeper.close()
    await asyncio.wait_for(keeping, 5)
    (record,) = caplog.records
    assert record.message == "Something could not be kept: the disk is full; trying until it is"
