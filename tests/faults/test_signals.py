"""Signals to one of several servers, with a thousand commands in flight."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace

import pytest

from faults.history import Kind
from faults.scenario import QUICK, Load, MakeScenario

LOAD = Load(servers=4, processes=2, takes=0.04, expires=10.0)
NOTICE = 10.0
"""Seconds: those that nothing happens to are in this process, which has much else to do."""
STOPPED = 8.0
"""Seconds: longer than the broker waits for heartbeats, and than any command may wait."""


async def test_sigkill_and_started_again(scenario: MakeScenario) -> None:
    async with scenario("SIGKILL, started again", load=LOAD, notice=NOTICE) as run:
        await run.in_flight()
        killed = run.processes["web04.example.org"]
        with run.fault():
            killed.signal(signal.SIGKILL)
            assert await asyncio.to_thread(killed.wait) == -signal.SIGKILL
            killed.start()
        await run.answers_again(20)
        verdict = await run.verdict()
    assert verdict.violations == []
    # Only those that were under way to it are missing, and they are told of.
    missing = {event.id for event in run.history.of(Kind.MISSING)}
    asked = {e.id: e.server for e in run.history.of(Kind.SENT) if e.id in missing}
    assert set(asked.values()) <= {"web04.example.org"}
    assert len(missing) <= LOAD.under_way


async def test_sigstop_for_longer_than_everything(scenario: MakeScenario) -> None:
    """What has waited in its socket is not run when it wakes: nobody asks for it any more."""
    settings = QUICK | {"rabbit_heartbeat": 2, "deadline": 5}
    load = replace(LOAD, expires=2.0)
    async with scenario("SIGSTOP for 8 s", load=load, settings=settings, notice=NOTICE) as run:
        await run.in_flight()
        stopped = run.processes["web04.example.org"]
        with run.fault():
            stopped.signal(signal.SIGSTOP)
            await asyncio.sleep(STOPPED)  # it is what is tested
            stopped.signal(signal.SIGCONT)
        await run.answers_again(20)
        verdict = await run.verdict()
    assert verdict.violations == []


async def test_sigstop_for_a_moment(scenario: MakeScenario) -> None:
    """Not long enough for the broker to notice, but for commands to expire."""
    load = replace(LOAD, expires=1.0)
    async with scenario("SIGSTOP for 3 s", load=load, notice=NOTICE) as run:
        await run.in_flight()
        stopped = run.processes["web04.example.org"]
        with run.fault():
            stopped.signal(signal.SIGSTOP)
            await asyncio.sleep(3)
            stopped.signal(signal.SIGCONT)
        await run.answers_again(20)
        verdict = await run.verdict()
    assert verdict.violations == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda each: each.name)
async def test_an_end_in_good_order(scenario: MakeScenario, number: signal.Signals) -> None:
    async with scenario(f"{number.name}, started again", load=LOAD, notice=NOTICE) as run:
        await run.in_flight()
        ended = run.processes["web04.example.org"]
        with run.fault():
            ended.signal(number)
            assert await asyncio.to_thread(ended.wait) == 0
            ended.start()
        await run.answers_again(20)
        verdict = await run.verdict()
    assert verdict.violations == []
