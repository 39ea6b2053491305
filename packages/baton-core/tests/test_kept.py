from __future__ import annotations

import asyncio
import logging

import pytest

from baton.kept import PAUSE, Kept


class Rounds:
    """Counts how often something began, and can be waited for."""

    def __init__(self) -> None:
        self.begun = 0
        self.reasons: list[str] = []
        self.error: BaseException | None = None
        self._changed = asyncio.Event()

    async def run(self) -> None:
        self.begun += 1
        self._changed.set()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        await asyncio.Event().wait()

    async def until(self, begun: int) -> None:
        async with asyncio.timeout(5):
            while self.begun < begun:
                self._changed.clear()
                await self._changed.wait()


async def test_it_goes_on_when_somebody_cancels_it(caplog: pytest.LogCaptureFixture) -> None:
    rounds = Rounds()
    kept = Kept(rounds.run, "the one", rounds.reasons.append)
    kept.start()
    await rounds.until(1)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await rounds.until(2)
    assert rounds.reasons == ["its task was cancelled"]
    assert "the one: its task was cancelled; it goes on" in caplog.text
    await kept.stop()


async def test_it_goes_on_when_something_goes_wrong(caplog: pytest.LogCaptureFixture) -> None:
    rounds = Rounds()
    rounds.error = MemoryError("no more")
    kept = Kept(rounds.run, "the one", rounds.reasons.append)
    kept.start()
    await rounds.until(2)
    assert rounds.reasons == ["its task ended: MemoryError('no more')"]
    assert [record.exc_info is not None for record in caplog.records] == [True]
    await kept.stop()


async def test_a_stop_is_for_good(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "baton")
    rounds = Rounds()
    kept = Kept(rounds.run, "the one", rounds.reasons.append)
    await kept.stop()
    kept.start()
    await rounds.until(1)
    await kept.stop()
    kept.start()
    await rounds.until(2)
    task = kept.cancel()
    assert task is not None
    await asyncio.wait([task])
    assert (rounds.begun, rounds.reasons, caplog.records) == (2, [], [])


async def test_a_stop_while_it_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = Rounds()
    ended = asyncio.Event()
    kept = Kept(rounds.run, "the one", lambda _: ended.set())
    monkeypatch.setattr("baton.kept.PAUSE", 0.0)
    kept.start()
    await rounds.until(1)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    while not ended.is_set():
        await asyncio.sleep(0)
        if ended.is_set():
            await kept.stop()
    for _ in range(5):
        await asyncio.sleep(0)
    assert rounds.begun == 1


async def test_it_is_over_when_it_returns(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[str] = []
    reasons: list[str] = []

    async def once() -> None:
        begun.append("once")

    kept = Kept(once, "the one", reasons.append)
    kept.start()
    await asyncio.sleep(2 * PAUSE)  # if it went on after all
    assert (begun, reasons, caplog.records) == (["once"], [], [])
    await kept.stop()


def test_a_loop_that_is_closed_ends_it() -> None:
    rounds: list[Rounds] = []

    async def main() -> None:
        rounds.append(Rounds())
        Kept(rounds[0].run, "the one").start()
        await rounds[0].until(1)

    asyncio.run(main())  # and no task is left that would be destroyed while it is pending
    assert rounds[0].begun == 1


@pytest.mark.parametrize("error", [ValueError("wrong"), MemoryError()])
async def test_a_stop_does_not_raise_what_ended_it(error: BaseException) -> None:
    rounds = Rounds()
    rounds.error = error
    kept = Kept(rounds.run, "the one", rounds.reasons.append)
    kept.start()
    await rounds.until(1)
    await kept.stop()  # before it goes on
    await asyncio.sleep(2 * PAUSE)  # if it did after all
    assert rounds.begun == 1


async def test_who_stops_it_can_be_cancelled_meanwhile() -> None:
    may_end = asyncio.Event()
    begun = asyncio.Event()

    async def slow_to_end() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()

    kept = Kept(slow_to_end, "the one")
    kept.start()
    await begun.wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await kept.stop()
    may_end.set()
