"""What waits for its splay."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from typing import Any

import pytest

from baton.errors import InvalidMessage, TooManyHeld
from baton.splay import Held, draw, to_milliseconds


class Clock:
    """An event loop's time, that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.timers: list[tuple[float, asyncio.TimerHandle, Any]] = []
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: self.now)
        monkeypatch.setattr(loop, "call_at", self._call_at)

    def _call_at(self, when: float, callback: Any) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, (), asyncio.get_running_loop())
        self.timers.append((when, handle, callback))
        return handle

    @property
    def pending(self) -> list[float]:
        return [when for when, handle, _ in self.timers if not handle.cancelled()]

    def pass_until(self, now: float) -> None:
        while timers := [
            each for each in self.timers if each[0] <= now and not each[1].cancelled()
        ]:
            first = min(timers, key=lambda each: each[0])
            self.timers.remove(first)
            self.now = first[0]
            first[2]()
        self.now = now


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def released() -> list[str]:
    return []


@pytest.fixture
def held(released: list[str]) -> Iterator[Held[str]]:
    held = Held(released.extend, most=4, size=100)
    yield held
    held.take_all()


async def test_it_is_handed_over_when_it_is_due(
    clock: Clock, held: Held[str], released: list[str]
) -> None:
    held.hold("later", 2.0, 1)
    held.hold("sooner", 1.0, 1)
    held.hold("latest", 3.0, 1)
    clock.pass_until(1000.9)
    assert released == []
    clock.pass_until(1001.0)
    assert released == ["sooner"]
    clock.pass_until(1010.0)
    assert released == ["sooner", "later", "latest"]
    assert len(held) == 0
    assert clock.pending == []


async def test_what_is_due_at_once_comes_in_the_order_in_which_it_came(
    clock: Clock, held: Held[str], released: list[str]
) -> None:
    for item in "cab":
        held.hold(item, 1.0, 1)
    clock.pass_until(1001.0)
    assert released == ["c", "a", "b"]


async def test_there_is_one_timer_for_all(clock: Clock, held: Held[str]) -> None:
    for delay in (3.0, 1.0, 2.0):
        held.hold("x", delay, 1)
        assert len(clock.pending) == 1
    assert clock.pending == [1001.0]


async def test_a_bounded_number_is_held(clock: Clock, held: Held[str], released: list[str]) -> None:
    for _ in range(4):
        held.hold("x", 1.0, 1)
    with pytest.raises(TooManyHeld) as caught:
        held.hold("y", 1.0, 1)
    assert str(caught.value) == "4 commands (4 bytes) wait for their splay, 4 (100 bytes) may"
    clock.pass_until(1001.0)
    held.hold("y", 1.0, 1)
    clock.pass_until(1002.0)
    assert released == ["x", "x", "x", "x", "y"]


async def test_a_bounded_number_of_bytes_is_held(clock: Clock, held: Held[str]) -> None:
    held.hold("huge", 1.0, 1000)
    with pytest.raises(TooManyHeld):
        held.hold("x", 1.0, 1)
    clock.pass_until(1001.0)
    held.hold("x", 1.0, 50)
    held.hold("x", 1.0, 50)
    with pytest.raises(TooManyHeld):
        held.hold("x", 1.0, 1)


async def test_all_can_be_taken(clock: Clock, held: Held[str], released: list[str]) -> None:
    held.hold("b", 2.0, 90)
    held.hold("a", 1.0, 10)
    assert held.take_all() == ["a", "b"]
    assert clock.pending == []
    assert held.take_all() == []
    held.hold("c", 1.0, 100)
    clock.pass_until(1005.0)
    assert released == ["c"]


async def test_on_a_real_loop() -> None:
    done = asyncio.get_running_loop().create_future()
    held: Held[str] = Held(done.set_result)
    held.hold("x", 0.001, 1)
    assert await asyncio.wait_for(done, 5) == ["x"]


@pytest.mark.parametrize(
    ("seconds", "milliseconds"), [(0, 0), (0.0, 0), (1, 1000), (0.0001, 1), (3600, 3_600_000)]
)
def test_on_the_wire(seconds: float, milliseconds: int) -> None:
    assert to_milliseconds(seconds) == milliseconds


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "-1"),
        (3600.1, "3600.1"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (10**400, "1" + "0" * 198 + "…"),
        (True, "True"),
        ("5", "'5'"),
        (None, "None"),
        pytest.param(10**5000, "so many", id="huge"),
    ],
)
def test_no_splay(seconds: object, shown: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        to_milliseconds(seconds)
    assert str(caught.value) == f"A splay cannot be {shown} s: 0 to 3,600 s are allowed"


def test_a_time_is_drawn_from_all_of_the_splay() -> None:
    times = [draw(2000) for _ in range(1000)]
    assert 0 <= min(times) < 0.2
    assert 1.8 < max(times) <= 2
    assert draw(None) == draw(0) == 0


@pytest.mark.parametrize("header", [-1, 3_600_001, 1.5, True, "1000", b"\x01", [], {}])
def test_no_splay_on_the_wire(header: object) -> None:
    with pytest.raises(InvalidMessage) as caught:
        draw(header)
    assert str(caught.value) == (
        "A splay on the wire is a whole number of milliseconds: 0 to 3,600 s are allowed"
    )
