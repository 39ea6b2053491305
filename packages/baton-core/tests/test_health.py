"""How services are."""

from __future__ import annotations

import os
import time
from functools import partial

import pytest

from baton.configuration import Configuration
from baton.health import Health, longest_round
from baton.link import Phase, State

NOON = 1_790_000_000.25


class Known:
    """A service of which the state is known."""

    def __init__(self, phase: Phase, reason: str = "", pulse: float = 15) -> None:
        self.name = "baton-disk"
        self.configuration = Configuration(pulse=pulse)
        self.state = State(phase, NOON, reason)


READY = Known(Phase.READY)
LOST = Known(Phase.DISCONNECTED, "mq1:5672 (connection refused)")


@pytest.mark.parametrize("phase", Phase)
def test_one_is_ready_if_its_state_is(phase: Phase) -> None:
    health = Health([Known(phase)])
    assert health.is_ready == (phase is Phase.READY)
    assert health.is_alive


def test_all_must_be_ready() -> None:
    health = Health([READY, LOST])
    assert not health.is_ready
    assert health.state is LOST.state
    assert Health([READY, READY]).is_ready


def test_each_must_go_round_as_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Known(Phase.READY, pulse=300)
    health = Health([READY, slow])
    assert health.patience == longest_round(slow.configuration) > 300
    now = time.monotonic()
    is_alive = []
    for seconds, rounds in [(200, []), (201, [0]), (400, [0]), (401, [1])]:
        monkeypatch.setattr(time, "monotonic", partial(float, now + seconds))
        for each in rounds:
            health.went_round(each)
        is_alive.append(health.is_alive)
    assert is_alive == [False, True, False, True]


def test_each_must_go_round(monkeypatch: pytest.MonkeyPatch) -> None:
    health = Health([READY, READY])
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 50)
    health.went_round(0)
    monkeypatch.setattr(time, "monotonic", lambda: now + 70)
    assert (health.is_alive, health.is_ready) == (False, False)
    health.went_round(1)
    assert (health.is_alive, health.is_ready) == (True, True)


def test_while_it_stops_it_is_alive_and_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    health = Health([READY])
    health.is_stopping = True
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 70)
    assert health.is_alive
    assert not health.is_ready
    assert str(health) == "stopping"


def test_the_report() -> None:
    assert Health([LOST]).report() == {
        "pid": os.getpid(),
        "alive": True,
        "ready": False,
        "stopping": False,
        "services": [
            {
                "name": "baton-disk",
                "state": "disconnected",
                "since": "2026-09-21T14:13:20.250Z",
                "reason": "mq1:5672 (connection refused)",
            }
        ],
    }


@pytest.mark.parametrize(
    ("services", "text"),
    [
        ([LOST], str(LOST.state)),
        ([READY, READY], "2 of 2 services are ready"),
        ([READY, LOST], f"1 of 2 services are ready, one is {LOST.state}"),
    ],
)
def test_in_words(services: list[Known], text: str) -> None:
    assert str(Health(services)) == text


def test_the_longest_round_is_below_the_watchdog_that_the_docs_advise() -> None:
    assert 40 < longest_round(Configuration()) < 90
