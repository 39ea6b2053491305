from __future__ import annotations

import asyncio
import logging

import pytest

from baton.kept import Kept


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


def test_a_loop_that_is_closed_ends_it() -> None:
    rounds: list[Rounds] = []

    async def main() -> None:
        rounds.append(Rounds())
        Kept(rounds[0].run, "the one").start()
        await rounds[0].until(1)

    asyncio.run(main())  # and no task is left that would be destroyed while it is pending
    assert rounds[0].begun == 1
