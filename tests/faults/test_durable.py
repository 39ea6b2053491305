"""Durable commands: a thousand of them, while the servers and the broker are killed."""

from __future__ import annotations

import asyncio
import signal

import pytest

from brokers import Broker
from faults.scenario import Load, MakeScenario, Scenario

AGAIN = 30.0
"""Seconds within which servers that were started again answer, as processes on a busy machine."""
NOTICE = 10.0
"""Seconds for which a service may be deaf without knowing: it has commands to do before a probe."""


async def kill_servers(run: Scenario) -> None:
    """End half of the servers at once, and start them again."""
    for name in run.load.names[::2]:
        process = run.processes[name]
        process.signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
    for name in run.load.names[::2]:
        run.processes[name].start()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ["quorum", "classic"])
async def test_servers_and_broker_are_killed(
    rabbitmq: Broker, scenario: MakeScenario, kind: str
) -> None:
    # A server has few to do before a probe, which expires soon; a command bears all of the faults.
    load = Load(servers=0, processes=4, under_way=20, takes=0.02, expires=60.0)
    settings = {"pulse": 2.0, "deadline": 5.0, "reconnect_max": 0.3, "durable_queues": kind}
    title = f"SIGKILL of servers, restart, kill -9 of the broker ({kind})"
    async with scenario(title, load=load, settings=settings, durable=True, notice=NOTICE) as run:
        await run.in_flight(0.1)
        with run.fault("SIGKILL"):
            await kill_servers(run)
        await run.answers_again(AGAIN)
        await run.in_flight(0.3)
        with run.fault("restart"):  # and a new queue is written down: see durable-commands.md
            await asyncio.to_thread(rabbitmq.restart)
        await run.answers_again(AGAIN)
        await run.in_flight(0.5)
        with run.fault("kill -9"):
            await asyncio.to_thread(rabbitmq.kill)
            await asyncio.to_thread(rabbitmq.start)
        await run.answers_again(AGAIN)
        verdict = await run.verdict()
    assert verdict.violations == []
    assert verdict.done + verdict.unknown >= load.commands, "what the broker has taken is done"
    assert verdict.failed == 0
