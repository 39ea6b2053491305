"""Which host is tried next, and when."""

from __future__ import annotations

import random
import time

import pytest

from baton.broker_url import Endpoint
from baton.transports.hosts import Hosts

A, B, C = (Endpoint(name, 5672) for name in "abc")


@pytest.fixture
def longest_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the dice always showed the highest number."""
    monkeypatch.setattr(random, "uniform", lambda lowest, highest: highest)


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes, however busy the machine is."""
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)


def pause(hosts: Hosts) -> float:
    return round(hosts.not_before - time.monotonic(), 1)


def test_every_host_is_where_some_begin() -> None:
    assert {Hosts([A, B, C], 3.0).next for _ in range(200)} == {A, B, C}


def test_the_others_follow_at_once_and_in_order() -> None:
    hosts = Hosts([A, B, C], 3.0)
    order = []
    for is_last in (False, False, True):
        order.append(hosts.next)
        assert hosts.not_before < time.monotonic()
        assert hosts.failed("refused") is is_last
    assert set(order) == {A, B, C}
    assert hosts.next == order[0]


def test_the_same_host_twice_counts_twice() -> None:
    hosts = Hosts([A, A], 3.0)
    assert [hosts.failed("refused") for _ in range(2)] == [False, True]


@pytest.mark.usefixtures("longest_jitter")
def test_the_pause_between_rounds_doubles_up_to_the_longest() -> None:
    hosts = Hosts([A], 3.0)
    pauses = []
    for _ in range(8):
        hosts.failed("refused")
        pauses.append(pause(hosts))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0]


@pytest.mark.usefixtures("longest_jitter")
def test_the_pause_is_short_again_once_one_works() -> None:
    hosts = Hosts([A], 3.0)
    for _ in range(5):
        hosts.failed("refused")
    hosts.works()
    hosts.lost("closed")
    assert pause(hosts) == 0.1


@pytest.mark.usefixtures("longest_jitter")
def test_a_refusal_is_followed_by_the_longest_pause() -> None:
    hosts = Hosts([A], 3.0)
    hosts.refused("wrong password")
    assert pause(hosts) == 3.0


@pytest.mark.usefixtures("longest_jitter")
def test_when_each_refuses_the_longest_pause_follows() -> None:
    hosts = Hosts([A, B], 3.0)
    assert hosts.failed("expired", refused=True) is False
    assert hosts.not_before < time.monotonic()
    assert hosts.failed("expired", refused=True) is True
    assert hosts.all_refuse
    assert pause(hosts) == 3.0


@pytest.mark.usefixtures("longest_jitter")
def test_when_some_refuse_the_pause_is_short() -> None:
    hosts = Hosts([A, B], 3.0)
    for refused in (True, False):
        hosts.failed("", refused=refused)
    assert not hosts.all_refuse
    assert pause(hosts) == 0.1


def test_the_jitter_is_full() -> None:
    pauses = []
    for _ in range(200):
        hosts = Hosts([A], 3.0)
        hosts.lost("closed")
        pauses.append(hosts.not_before - time.monotonic())
    assert min(pauses) < 0.02
    assert 0.08 < max(pauses) <= 0.1


def test_many_rounds_are_no_large_numbers() -> None:
    hosts = Hosts([A], 3.0)
    for _ in range(10_000):
        hosts.failed("refused")
    assert pause(hosts) <= 3.0


def test_says_why_in_the_order_of_the_configuration() -> None:
    hosts = Hosts([A, B, C], 3.0)
    assert hosts.explain(None) == "No broker could be reached: not tried yet"
    reasons = {A: "closed", B: "unknown host", C: "no answer"}
    for _ in reasons:
        hosts.failed(reasons[hosts.next])
    said = "No broker could be reached: a:5672 (closed), b:5672 (unknown host), c:5672 "
    assert hosts.explain(None) == said + "(no answer)"
    assert hosts.explain(C) == said + "(no answer yet)"
    hosts.works()
    assert hosts.explain(B) == "No broker could be reached: b:5672 (no answer yet)"
