"""The time of day jumps, by an hour and by a day, forwards and back, while everything runs.

No test sets the clock of a machine: in the process under test ``time.time`` is another function. So
this covers what Python code asks for that way, Baton's and most of its libraries'. It does not
cover ``datetime.now`` (which Baton does not use), nor what the system does with a clock of its own.
"""

from __future__ import annotations

import time

import pytest

from brokers import Vhost
from faults.patient import patient
from faults.scenario import Load, MakeScenario

HOUR = 3600.0
DAY = 24 * HOUR
JUMPS = pytest.mark.parametrize("seconds", [DAY, -DAY, HOUR, -HOUR], ids="{:+.0f}".format)
LOAD = Load(commands=200, servers=3, takes=0.02, expires=10.0)


async def test_of_a_server(vhost: Vhost) -> None:
    with patient(vhost) as service:
        for seconds in (DAY, -DAY, HOUR, -HOUR):
            assert (await service.tell("shift", seconds=seconds)).outcome == "done"
            # Short-lived commands are neither dropped nor kept, and all are served.
            assert (await service.tell("ok", expires=2)).outcome == "done"
            assert service.health()[0] == service.health("/healthz")[0] == 200
        assert service.log("is ready") == 1  # it stayed so all the time
        assert service.log("expired") == 0


@JUMPS
async def test_of_a_whole_process(
    scenario: MakeScenario, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Servers, requester and monitor: what they wait for comes as if nothing had happened."""
    true_time = time.time
    async with scenario(f"clock {seconds / HOUR:+.0f} h", load=LOAD) as run:
        await run.in_flight()
        with run.fault():
            monkeypatch.setattr(time, "time", lambda: true_time() + seconds)
        assert await run.answers_again(10) < 10
        verdict = await run.verdict()
    assert verdict.violations == []
    assert verdict.missing == ()
    assert verdict.unknown == 0
