"""The scenario itself: with servers in processes of their own, and what it finds wrong."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from brokers import Vhost
from faults.checker import Verdict
from faults.history import History, Kind, read
from faults.scenario import Load, MakeScenario, Scenario

SMALL = Load(commands=60, servers=1, processes=1, under_way=20, takes=0.05, expires=2.0)


@pytest.mark.quick
async def test_a_process_is_killed_and_started_again(
    vhost: Vhost, fault_seed: int, tmp_path: Path
) -> None:
    verdicts: list[Verdict] = []
    async with Scenario(
        title="a process killed",
        url=vhost.url,
        seed=fault_seed,
        history=History(tmp_path / "history.jsonl"),
        load=SMALL,
        on_verdict=verdicts.append,
    ) as run:
        (process,) = run.processes.values()
        await run.in_flight()
        with run.fault():
            process.signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
            process.start()
        assert await run.answers_again(20) < 20
        verdict = await run.verdict()
    run.history.close()
    assert verdict.violations == []
    assert verdicts == [verdict]
    assert verdict.sent == SMALL.commands
    assert verdict.done + verdict.failed + len(verdict.missing) == SMALL.commands
    assert len(verdict.recovery) == 1
    # What the processes wrote is in the history of the run, each life under an instance of its own.
    events = list(read(tmp_path / "history.jsonl"))
    lives = {each.detail for each in events if each.server == process.fqdn and each.detail}
    drained = [each for each in events if each.kind is Kind.DRAINED]
    assert len([life for life in lives if len(life) == 32]) == 2
    assert {each.server for each in drained} == set(run.load.names)
    # Each is probed, and known to say nothing while it is dead.
    assert {each.server for each in events if each.kind is Kind.PROBED} == set(run.load.names)
    states = [e.detail for e in events if e.kind is Kind.STATE and e.server == process.fqdn]
    assert [state for state in states if state in {"starting", "SIGKILL"}] == [
        "starting",
        "SIGKILL",
        "starting",
    ]
    assert "ready" in states


async def test_the_same_seed_gives_the_same_orders(scenario: MakeScenario) -> None:
    one, other = scenario("one"), scenario("other")
    assert one.orders() == other.orders()
    assert len(one.orders()) == one.load.commands
