from __future__ import annotations

import asyncio
import threading

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
