"""Faults of the broker, with a thousand commands in flight."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import Any, Final

import pytest

from baton.link import Phase
from brokers import Broker
from faults.deafness import TOLD
from faults.scenario import MakeScenario

AGAIN: Final = 10.0
"""Seconds within which every server answers again."""
NOTICED: Final = 20.0
"""Seconds within which a service knows of a frozen broker, with default settings."""
LONG: Final = 8.0
"""Seconds that a fault lasts which ends of itself: longer than a command may wait."""


async def test_restart(rabbitmq: Broker, scenario: MakeScenario) -> None:
    async with scenario("restart", notice=TOLD) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(rabbitmq.restart)
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


async def test_kill(rabbitmq: Broker, scenario: MakeScenario) -> None:
    async with scenario("kill -9", notice=TOLD) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(rabbitmq.kill)
            await asyncio.to_thread(rabbitmq.start)
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


@pytest.mark.parametrize(
    ("title", "options", "noticed", "seconds"),
    [
        ("frozen for 15 s", {}, 10.0, 15.0),
        pytest.param(
            "frozen for 25 s, default settings",
            {"settings": {}},
            NOTICED,
            25.0,
            marks=pytest.mark.timeout(240),
        ),
    ],
    ids=["quick", "default"],
)
async def test_frozen(
    rabbitmq: Broker,
    scenario: MakeScenario,
    title: str,
    options: dict[str, Any],
    noticed: float,
    seconds: float,
) -> None:
    loop = asyncio.get_running_loop()
    async with scenario(title, **options) as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(rabbitmq.pause)
            until = loop.time() + seconds
            try:
                await run.reach(Phase.READY, noticed, away=True)
                await asyncio.sleep(until - loop.time())
            finally:
                await asyncio.to_thread(rabbitmq.unpause)
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []


@pytest.mark.parametrize("kind", ["memory", "disk"])
async def test_alarm(rabbitmq: Broker, scenario: MakeScenario, kind: str) -> None:
    alarm: AbstractContextManager[None] = getattr(rabbitmq, f"{kind}_alarm")()
    async with scenario(f"{kind} alarm") as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(alarm.__enter__)
            try:
                await run.reach(Phase.BLOCKED, AGAIN, one=True)
                await asyncio.sleep(LONG)
            finally:
                await asyncio.to_thread(alarm.__exit__, None, None, None)
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []
