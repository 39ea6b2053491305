"""Turns on an event loop."""

from __future__ import annotations

import asyncio

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
    rests = 0
    while others.turns < 3:
        await pace.rest()
        rests += 1
    others.task.cancel()
    assert rests > 30  # each turn of theirs comes after a thousandth of a second of asking


async def test_nobody_rests_before() -> None:
    others = Others()
    pace = Pace(60)
    for _ in range(1000):
        await pace.rest()
    others.task.cancel()
    assert others.turns == 0
