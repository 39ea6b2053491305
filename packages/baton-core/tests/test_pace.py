"""Turns on an event loop."""

from __future__ import annotations

import asyncio
import time

from baton.pace import Pace


class Others:
    """Counts the turns that they have."""

    def __init__(self) -> None:
        self.turns = 0
        self.task = asyncio.create_task(self.work())

    async def work(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)


async def test_others_have_their_turn_when_this_is_over() -> None:
    others = Others()
    pace = Pace(0.001)
    end = time.monotonic() + 0.01
    while time.monotonic() < end:
        await pace.rest()
    others.task.cancel()
    assert 0 < others.turns <= 10


async def test_nobody_rests_before() -> None:
    others = Others()
    pace = Pace(60)
    for _ in range(1000):
        await pace.rest()
    others.task.cancel()
    assert others.turns == 0
