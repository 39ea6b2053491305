from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from baton import stall
from baton.stall import Stall


class Clock:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.shift = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.shift


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stall, "clock", clock)
    monkeypatch.setattr(stall, "TICK", 0.01)
    monkeypatch.setattr(stall, "LIMIT", 30.0)  # whatever the machine is busy with
    return clock


@pytest.fixture
async def held() -> list[float]:
    """For how many seconds the loop was held up, each time."""
    return []


@pytest.fixture
async def watch(clock: Clock, held: list[float]) -> AsyncIterator[Stall]:
    watch = Stall(held.append)
    watch.start()
    yield watch
    watch.stop()


async def until(held: list[float], count: int) -> None:
    async with asyncio.timeout(5):
        while len(held) < count:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_loop_that_runs_is_not_held_up(watch: Stall, held: list[float]) -> None:
    for _ in range(3):
        await asyncio.sleep(0.01)
        watch.look()
    assert (watch.seconds, watch.count, held) == (0.0, 0, [])


async def test_it_is_noticed_and_for_how_long(
    watch: Stall, held: list[float], clock: Clock
) -> None:
    clock.shift = 100.0
    await until(held, 1)
    assert held[0] == pytest.approx(100, abs=5)
    assert watch.seconds == held[0]


async def test_it_is_noticed_by_whoever_looks_first(
    watch: Stall, held: list[float], clock: Clock
) -> None:
    clock.shift = 100.0
    watch.look()
    assert len(held) == 1
    watch.look()
    assert len(held) == 1


async def test_it_is_over_when_that_is_known_of_all(
    watch: Stall, held: list[float], clock: Clock
) -> None:
    clock.shift = 100.0
    watch.look()
    asked = watch.count
    clock.shift = 200.0
    watch.look()
    assert watch.count == 2
    watch.over(asked)
    assert watch.seconds == pytest.approx(200, abs=5)
    watch.over(watch.count)
    assert watch.seconds == 0


async def test_nothing_is_noticed_after_the_stop(
    watch: Stall, held: list[float], clock: Clock
) -> None:
    watch.stop()
    clock.shift = 100.0
    watch.look()
    assert held == []


def test_the_clock_goes_on_while_the_machine_sleeps() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= stall.clock() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_without_such_a_clock_it_is_the_monotonic_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    before = time.monotonic()
    assert before <= stall.clock() <= time.monotonic()
