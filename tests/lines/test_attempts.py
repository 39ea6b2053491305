"""Counting attempts."""

from __future__ import annotations

import time
from collections import deque

from lines.attempts import Attempts


def test_the_peak_is_found_wherever_its_second_begins() -> None:
    attempts = Attempts(deque([0.0, 0.9, 1.1, 1.2, 1.8, 3.5]))
    assert attempts.peak() == 4
    assert attempts.peak(0.2) == 2
    assert attempts.per_second() == [2, 3, 0, 1]
    assert len(attempts.since(1.1)) == 4


def test_none_yet_and_one() -> None:
    attempts = Attempts()
    assert (attempts.peak(), attempts.per_second(), len(attempts)) == (0, [], 0)
    began = time.monotonic()
    attempts.note()
    assert (attempts.peak(), attempts.per_second()) == (1, [1])
    assert began <= attempts.times[0] <= time.monotonic()
