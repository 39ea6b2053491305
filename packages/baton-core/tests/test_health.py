"""How services are."""

from __future__ import annotations

import os
import time

import pytest

from baton.configuration import Configuration
from baton.health import Health, longest_round
from baton.link import Phase, State

NOON = 1_790_000_000.25


class Known:
    """A service of which the state is known."""

    def __init__(self, phase: Phase, reason: str = "") -> None:
        self.name = "baton-disk"
        self.state = State(phase, NOON, reason)

    def watch(self, callback: object) -> None:
        raise NotImplementedError

    def watch_pulse(self, callback: object) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError


READY = Known(Phase.READY)
LOST = Known(Phase.DISCONNECTED, "mq1:5672 (connection refused)")


@pytest.mark.parametrize("phase", Phase)
def test_one_is_ready_if_its_state_is(phase: Phase) -> None:
    health = Health([Known(phase)], patience=60)
    assert health.is_ready == (phase is Phase.READY)
    assert health.is_alive


def test_all_must_be_ready() -> None:
    health = Health([READY, LOST], patience=60)
    assert not health.is_ready
    assert health.state is LOST.state
    assert Health([READY, READY], patience=60).is_ready


def test_each_must_go_round(monkeypatch: pytest.MonkeyPatch) -> None:
    health = Health([READY, READY], patience=60)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 50)
    health.went_round(0)
    monkeypatch.setattr(time, "monotonic", lambda: now + 70)
    assert (health.is_alive, health.is_ready) == (False, False)
    health.went_round(1)
    assert (health.is_alive, health.is_ready) == (True, True)


def test_while_it_stops_it_is_alive_and_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    health = Health([READY], patience=60)
    health.is_stopping = True
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 70)
    assert health.is_alive
    assert not health.is_ready
    assert str(health) == "stopping"


def test_the_report() -> None:
    assert Health([LOST], patience=60).report() == {
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
    assert str(Health(services, patience=60)) == text


def test_the_longest_round_is_below_the_watchdog_that_the_docs_advise() -> None:
    assert 40 < longest_round(Configuration()) < 90
