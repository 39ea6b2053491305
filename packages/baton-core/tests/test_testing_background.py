"""An event loop in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from baton.testing.background import BackgroundLoop
from baton.testing.failure import HarnessError


@pytest.fixture
def loop() -> Iterator[BackgroundLoop]:
    loop = BackgroundLoop()
    loop.start()
    yield loop
    loop.stop(5)
    assert not loop.is_running


def test_it_runs_coroutines_in_a_thread_of_its_own(loop: BackgroundLoop) -> None:
    async def name() -> str:
        return threading.current_thread().name

    assert loop.is_running
    assert loop.run(name(), 5) == "baton.testing"


def test_what_a_coroutine_raises_is_raised(loop: BackgroundLoop) -> None:
    async def fail(error: Exception) -> None:
        raise error

    with pytest.raises(ZeroDivisionError):
        loop.run(fail(ZeroDivisionError()), 5)
    with pytest.raises(TimeoutError, match="its own"):
        loop.run(fail(TimeoutError("its own")), 5)


def test_a_failure_of_the_kit_shows_the_test_alone(loop: BackgroundLoop) -> None:
    async def fail() -> None:
        raise HarnessError("not ready")

    with pytest.raises(HarnessError, match="not ready") as caught:
        loop.run(fail(), 5)
    assert [entry.name for entry in caught.traceback] == [
        "test_a_failure_of_the_kit_shows_the_test_alone",
        "run",
    ]


def test_what_takes_too_long_is_cancelled(loop: BackgroundLoop) -> None:
    cancelled = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(HarnessError, match=r"has not got to it in 0\.01 s"):
        loop.run(wait(), 0.01)
    assert cancelled.wait(5)


def test_a_loop_that_is_held_up_shows_where() -> None:
    loop = BackgroundLoop()
    loop.start()
    begun, go_on = threading.Event(), threading.Event()

    async def hold_up() -> None:
        begun.set()
        go_on.wait(5)

    with pytest.raises(HarnessError, match=r"does an async def block\?(?s:.*)in hold_up"):
        loop.run(hold_up(), 0.2)
    assert begun.is_set()
    with pytest.raises(HarnessError, match=r"does not end; it is at(?s:.*)in hold_up"):
        loop.stop(0.01)
    go_on.set()
    loop.stop(5)
    assert not loop.is_running
