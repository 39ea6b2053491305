from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from baton.worker import Mailbox, Worker


async def test_a_mailbox_calls_in_order_on_the_loop() -> None:
    mailbox = Mailbox()
    loop_thread = threading.get_ident()
    called: list[tuple[int, int]] = []
    done = asyncio.Event()

    def post() -> None:
        assert not mailbox.is_local
        for number in range(100):
            mailbox.post(lambda number=number: called.append((number, threading.get_ident())))  # type: ignore[misc]
        mailbox.post(done.set)

    assert mailbox.is_local
    await asyncio.to_thread(post)
    await asyncio.wait_for(done.wait(), 5)
    assert called == [(number, loop_thread) for number in range(100)]


async def test_what_is_posted_while_the_loop_looks_wakes_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[int] = []
    batches: list[list[int]] = []
    done = asyncio.Event()

    def note() -> None:
        batches.append(called[sum(map(len, batches)) :])
        if len(called) == 3:
            done.set()

    mailbox = Mailbox(afterwards=note)
    wake_ups = count_calls(monkeypatch, asyncio.get_running_loop(), "call_soon_threadsafe")
    mailbox.look()
    for number in (1, 2, 3):
        mailbox.post(lambda number=number: called.append(number))  # type: ignore[misc]
    assert not called
    await asyncio.wait_for(done.wait(), 5)
    assert batches == [[1, 2, 3]]
    assert not wake_ups


async def test_it_looks_as_long_as_it_finds_something(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = asyncio.Event()
    mailbox = Mailbox(afterwards=looked.set)
    loop = asyncio.get_running_loop()
    wake_ups = count_calls(monkeypatch, loop, "call_soon_threadsafe")
    timers = count_calls(monkeypatch, loop, "call_later")
    mailbox.look()
    mailbox.look()  # it does already
    async with asyncio.timeout(5):
        for number in (1, 2, 3):
            assert len(timers) == number
            mailbox.post(lambda: None)
            looked.clear()
            await looked.wait()
    assert len(timers) == 4
    assert not wake_ups
    mailbox._look()  # it finds nothing
    assert len(timers) == 4
    mailbox.post(lambda: None)
    assert len(wake_ups) == 1
    mailbox.post(lambda: None)
    assert len(wake_ups) == 1


async def test_who_has_nothing_more_to_post_wakes_the_loop_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mailbox = Mailbox()
    wake_ups = count_calls(monkeypatch, asyncio.get_running_loop(), "call_soon_threadsafe")
    mailbox.look()
    mailbox.hurry()  # there is nothing
    assert not wake_ups
    mailbox.post(lambda: None)
    mailbox.hurry()
    mailbox.hurry()
    assert len(wake_ups) == 1


def count_calls(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> list[object]:
    """What the method *name* of *owner* is called with from here on."""
    method, calls = getattr(owner, name), list[object]()

    def counting(*given: Any) -> Any:
        calls.append(given)
        return method(*given)

    monkeypatch.setattr(owner, name, counting)
    return calls


def test_a_mailbox_outlives_its_loop() -> None:
    async def make() -> Mailbox:
        return Mailbox()

    mailbox = asyncio.run(make())
    mailbox.post(lambda: None)  # is lost, and raises nothing


def test_a_worker_that_is_stopped_runs_nothing_more() -> None:
    begun, gate = threading.Event(), threading.Event()
    ran: list[int] = []

    def run(job: int) -> None:
        ran.append(job)
        begun.set()
        assert gate.wait(5)

    worker = Worker[int]("test worker", run)
    worker.submit([1, 2, 3])
    assert begun.wait(5)
    worker.stop()
    gate.set()
    worker._thread.join(5)
    assert not worker._thread.is_alive()
    assert ran == [1]


def test_a_worker_runs_jobs_in_order_in_one_daemon_thread() -> None:
    ran: list[tuple[int, bool]] = []
    done = threading.Event()

    def run(job: int) -> None:
        ran.append((job, threading.current_thread().daemon))
        if job == 5:
            done.set()

    worker = Worker[int]("test worker", run)
    worker.submit([1, 2])
    worker.submit([3, 4, 5])
    assert done.wait(5)
    worker.stop()
    assert ran == [(1, True), (2, True), (3, True), (4, True), (5, True)]


def test_a_worker_says_when_there_is_nothing_left_to_do() -> None:
    ran: list[int | str] = []
    gate, rested = threading.Event(), threading.Semaphore(0)

    def run(job: int) -> None:
        assert gate.wait(5)
        ran.append(job)

    def rest() -> None:
        ran.append("rest")
        rested.release()

    worker = Worker[int]("test worker", run, rest)
    worker.submit([1, 2])
    worker.submit([3])
    gate.set()
    assert rested.acquire(timeout=5)
    worker.submit([4])
    assert rested.acquire(timeout=5)
    worker.stop()
    assert ran == [1, 2, 3, "rest", 4, "rest"]


async def test_a_report_that_fails_does_not_take_the_others_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mailbox = Mailbox()
    done = asyncio.Event()

    def fail() -> None:
        raise ValueError("bad report")

    def post() -> None:
        mailbox.post(fail)
        mailbox.post(done.set)

    await asyncio.to_thread(post)
    await asyncio.wait_for(done.wait(), 5)
    assert "A report from a thread failed" in caplog.text


def test_a_worker_goes_on_after_a_job_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    ran: list[int] = []
    done = threading.Event()

    def run(job: int) -> None:
        ran.append(job)
        if job == 1:
            raise SystemExit(1)
        done.set()

    worker = Worker[int]("test worker", run)
    worker.submit([1, 2])
    assert done.wait(5)
    worker.stop()
    assert ran == [1, 2]
    assert "A job of a thread failed" in caplog.text


async def test_a_wake_up_that_fails_is_made_up_for_by_the_next_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mailbox = Mailbox()
    called: list[int] = []
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    with monkeypatch.context() as patched:
        patched.setattr(loop, "call_soon_threadsafe", _without_memory)
        with pytest.raises(MemoryError):
            mailbox.post(lambda: called.append(1))
    mailbox.post(lambda: called.append(2))
    mailbox.post(done.set)
    await asyncio.wait_for(done.wait(), 5)
    assert called == [1, 2]


def _without_memory(*_: object) -> None:
    raise MemoryError


def test_a_worker_goes_on_when_it_cannot_say_that_it_rests(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rested, ran = threading.Semaphore(0), threading.Event()

    def rest() -> None:
        rested.release()
        raise MemoryError

    worker = Worker[int]("test worker", lambda job: ran.set() if job == 2 else None, rest)
    worker.submit([1])
    assert rested.acquire(timeout=5)
    worker.submit([2])
    assert ran.wait(5)
    worker.stop()
    assert "nothing to do" in caplog.text
