"""The time of day jumps, by an hour and by a day, forwards and back, while everything runs.

No test sets the clock of a machine. A service in a process of its own has another one put before
the C library (:mod:`faults.wall_clock`); where servers, requester and monitor share the process of
the test, ``time.time`` is another function.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from brokers import Vhost
from brokers.errors import Unavailable
from faults.patient import patient
from faults.scenario import Load, MakeScenario
from faults.wall_clock import WallClock

HOUR = 3600.0
DAY = 24 * HOUR
JUMPS = pytest.mark.parametrize("seconds", [DAY, -DAY, HOUR, -HOUR], ids="{:+.0f}".format)
LOAD = Load(commands=200, servers=3, takes=0.02, expires=10.0)


@pytest.fixture
def wall_clock(tmp_path: Path) -> WallClock:
    """The time of day of a process that is started with it."""
    try:
        return WallClock.make(tmp_path / "clock")
    except Unavailable as error:
        pytest.fail(str(error), pytrace=False)


async def test_of_a_server(vhost: Vhost, wall_clock: WallClock) -> None:
    with patient(vhost, more_environment=wall_clock.environment) as service:
        for seconds in (DAY, -DAY, HOUR, -HOUR, 0.0):
            wall_clock.shift(seconds)
            told = (await service.tell("tell-time")).outputs[0]
            assert abs(told["time"] - time.time() - seconds) < 60
            assert abs(told["now"] - time.time() - seconds) < 60
            assert abs(told["other"] - time.monotonic()) < 60
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
