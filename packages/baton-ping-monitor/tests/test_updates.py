"""Telling pages that something changed."""

from __future__ import annotations

import asyncio

import pytest

from baton_ping_monitor.updates import Updates


@pytest.fixture
async def updates() -> Updates:
    return Updates()


async def test_who_waits_is_told_of_all_that_came_meanwhile_at_once(updates: Updates) -> None:
    waiting = [asyncio.ensure_future(updates.beyond(0)) for _ in range(2)]
    await asyncio.sleep(0)
    for _ in range(3):
        updates.notify()
    assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [3, 3]
    assert updates.revision == 3


async def test_who_missed_something_does_not_wait(updates: Updates) -> None:
    updates.notify()
    updates.notify()
    assert await asyncio.wait_for(updates.beyond(1), 5) == 2
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(updates.beyond(2), 0.01)
