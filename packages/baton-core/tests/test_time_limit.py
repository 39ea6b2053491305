"""A time limit for what a task does, again and again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from baton.time_limit import TimeLimit

LONG = 60.0


class Alarm:
    """The timer of a limit, which goes off when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = asyncio.get_running_loop()
        self.set: list[tuple[float, Callable[[], None]]] = []
        self.ahead = 0.0
        now = time.monotonic
        monkeypatch.setattr(self.loop, "call_later", self._call_later)
        monkeypatch.setattr(time, "monotonic", lambda: now() + self.ahead)

    def _call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        self.set.append((delay, callback))
        return asyncio.TimerHandle(delay, callback, (), self.loop)

    def go_off(self, after: float) -> None:
        """So many seconds have passed: call what was set last."""
        self.ahead += after
        self.set.pop(0)[1]()


@pytest.fixture
async def alarm(monkeypatch: pytest.MonkeyPatch) -> Alarm:
    return Alarm(monkeypatch)


async def test_what_takes_too_long_is_cancelled_and_ends_in_a_timeout() -> None:
    limit = TimeLimit(0.01)
    with pytest.raises(TimeoutError), limit:
        await asyncio.Event().wait()
    assert limit.expired
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_it_is_used_again() -> None:
    limit = TimeLimit(0.01)
    for _ in range(2):
        with pytest.raises(TimeoutError), limit:
            await asyncio.Event().wait()
    with limit:
        pass
    assert not limit.expired


async def test_each_thing_has_the_whole_time_and_all_have_one_timer(alarm: Alarm) -> None:
    limit = TimeLimit(LONG)
    for _ in range(1000):
        with limit:
            pass
    assert len(alarm.set) == 1
    alarm.ahead = LONG - 1
    with limit:
        alarm.go_off(after=1)  # when the first thing would have been over its time
        assert not limit.expired
        (again,) = alarm.set
        assert again[0] == pytest.approx(LONG - 1, abs=5)
        alarm.go_off(after=LONG)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(0)


async def test_a_timer_that_goes_off_between_two_things_is_set_again_by_the_next(
    alarm: Alarm,
) -> None:
    limit = TimeLimit(LONG)
    with limit:
        pass
    alarm.go_off(after=LONG)
    assert not alarm.set
    assert not limit.expired
    with limit:
        assert len(alarm.set) == 1


async def test_an_error_of_its_own_stays_what_it_is(alarm: Alarm) -> None:
    limit = TimeLimit(LONG)
    with pytest.raises(TimeoutError, match="of mine"), limit:
        raise TimeoutError("of mine")
    assert not limit.expired


async def test_what_takes_no_notice_of_being_cancelled_goes_on(alarm: Alarm) -> None:
    limit = TimeLimit(LONG)
    with limit:
        alarm.go_off(after=LONG)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(0)
    assert limit.expired
    await asyncio.sleep(0)  # nothing is left of it


async def test_who_cancels_the_task_meanwhile_is_obeyed(alarm: Alarm) -> None:
    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        with TimeLimit(LONG):
            alarm.go_off(after=LONG)
            task.cancel()
            await asyncio.sleep(0)

    task = asyncio.create_task(work())
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_closed_one_has_no_timer() -> None:
    limit = TimeLimit(LONG)
    limit.close()  # nor had it one
    with limit:
        pass
    (timer,) = [each for each in [limit._timer] if each is not None]
    limit.close()
    assert timer.cancelled()


async def test_it_is_made_by_a_task() -> None:
    made: list[BaseException] = []

    def make() -> None:
        try:
            TimeLimit(LONG)
        except RuntimeError as error:
            made.append(error)

    asyncio.get_running_loop().call_soon(make)
    await asyncio.sleep(0)
    assert len(made) == 1
