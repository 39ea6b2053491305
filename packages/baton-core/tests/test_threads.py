"""Work beside the loop that is left behind when it takes too long."""

from __future__ import annotations

import threading

import pytest

from baton.threads import in_thread


async def test_it_returns_what_the_function_does() -> None:
    assert await in_thread(lambda: threading.current_thread().daemon, 5) is True


async def test_it_raises_what_the_function_does() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0, 5)


async def test_it_does_not_wait_for_ever() -> None:
    released, ended = threading.Event(), threading.Event()

    def hang() -> None:
        released.wait(30)
        ended.set()

    with pytest.raises(TimeoutError):
        await in_thread(hang, 0.01)
    released.set()
    assert ended.wait(30)
