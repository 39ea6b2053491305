"""Faults of the broker, with a thousand commands in flight."""

from __future__ import annotations

import asyncio

from brokers import Broker
from faults.scenario import MakeScenario


async def test_restart(rabbitmq: Broker, scenario: MakeScenario) -> None:
    async with scenario("restart") as run:
        await run.in_flight()
        with run.fault():
            await asyncio.to_thread(rabbitmq.restart)
        await run.answers_again(10)
        verdict = await run.verdict()
    assert verdict.violations == []
