"""The time."""

from __future__ import annotations

import time

import pytest

from baton_ping_monitor.clock import Clock


class Clocks:
    """The system's clock, which somebody may set, and the one that nobody sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.system = 1_000_000.0
        self.monotonic = 50.0
        monkeypatch.setattr(time, "time", lambda: self.system)
        monkeypatch.setattr(time, "monotonic", lambda: self.monotonic)

    def pass_by(self, seconds: float) -> None:
        self.system += seconds
        self.monotonic += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def test_it_is_the_time_of_the_system(clocks: Clocks) -> None:
    clock = Clock()
    assert clock() == 1_000_000.0
    clocks.pass_by(12.5)
    assert clock() == 1_000_012.5


def test_a_correction_of_less_than_a_second_is_not_seen(clocks: Clocks) -> None:
    clock = Clock()
    clocks.system -= 0.9
    assert clock() == 1_000_000.0  # it does not go back


def test_a_clock_that_was_set_is_followed(clocks: Clocks) -> None:
    clock = Clock()
    clocks.system += 3600
    assert clock() == 1_003_600.0
    clocks.pass_by(1)
    assert clock() == 1_003_601.0
