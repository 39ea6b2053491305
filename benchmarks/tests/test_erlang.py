"""What is seen of the broker's Erlang machine."""

from __future__ import annotations

import os

import pytest

from bench import erlang


def test_whoever_settles_waits_until_the_broker_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = [125.0, 60.0, erlang.IDLE]
    monkeypatch.setattr(erlang, "machine", lambda: 1)
    monkeypatch.setattr(erlang, "share", lambda pid, seconds: shares.pop(0))
    erlang.settle()
    assert shares == []


def test_a_broker_elsewhere_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erlang, "machine", lambda: None)
    monkeypatch.delattr(erlang, "share")
    erlang.settle()


def test_a_broker_that_is_never_idle_is_waited_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erlang, "machine", lambda: 1)
    monkeypatch.setattr(erlang, "share", lambda pid, seconds: 100.0)
    monkeypatch.setattr(erlang, "LONGEST", 0.0)
    erlang.settle()


def test_the_share_of_a_process_that_waits_is_small() -> None:
    assert 0 <= erlang.share(os.getpid(), 0.2) < 90
