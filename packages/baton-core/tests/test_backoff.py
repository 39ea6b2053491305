from __future__ import annotations

import random

import pytest

from baton.backoff import Backoff


def test_the_ceiling_doubles_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda lowest, highest: highest)
    backoff = Backoff(3.0)
    assert [backoff.next() for _ in range(7)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.0, 3.0]
    backoff.reset()
    assert backoff.next() == 0.1


def test_the_longest_may_be_shorter_than_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda lowest, highest: highest)
    assert Backoff(0.05).next() == 0.05


def test_the_jitter_is_full() -> None:
    delays = [Backoff(3.0).next() for _ in range(200)]
    assert min(delays) < 0.02
    assert 0.08 < max(delays) <= 0.1
