"""The monitor that feeds the table."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import pytest

from baton import Configuration, InvalidMessage, State
from baton.link import Phase
from baton_ping_monitor.collector.monitor import FleetMonitor, describe
from baton_ping_monitor.fleet.state import FleetState

if TYPE_CHECKING:
    from conftest import Say

HOUR = 3600.0
SETTINGS = Configuration(rabbit_url="memory://monitor")


def ages(fleet: FleetState) -> dict[str, float | None]:
    view = fleet.view(time.monotonic())
    return {
        server.fqdn: None if server.pong_age is None else round(server.pong_age, -1)
        for server in view.servers
    }


def test_what_waited_while_an_instance_was_away_is_old(say: Say) -> None:
    fleet = FleetState()
    monitor = FleetMonitor(SETTINGS, fleet, "here")
    now = time.time()
    monitor.process_message(say("web01", timestamp=now - 2 * HOUR))
    monitor.process_message(say("web02", timestamp=now - HOUR))
    monitor.process_message(say("ruby"))
    monitor.process_message(say("web03", timestamp=now + 1))
    # The backlog is over: a clock that is behind is a clock that is behind.
    monitor.process_message(say("web04", timestamp=now - HOUR))
    assert ages(fleet) == {"web01": 7200, "web02": 3600, "ruby": 0, "web03": 0, "web04": 0}


def test_timestamps_are_in_whole_seconds(say: Say) -> None:
    fleet = FleetState()
    monitor = FleetMonitor(SETTINGS, fleet, "here")
    before = time.monotonic()
    monitor.process_message(say("web01", timestamp=float(math.floor(time.time()))))
    (server,) = fleet.view(before).servers
    assert server.pong_age is not None
    assert server.pong_age <= 0


def test_without_an_instance_nothing_waits(say: Say) -> None:
    fleet = FleetState()
    monitor = FleetMonitor(SETTINGS, fleet)
    monitor.process_message(say("web01", timestamp=time.time() - HOUR))
    assert ages(fleet) == {"web01": 0}


def test_what_is_no_message_is_counted() -> None:
    fleet = FleetState()
    FleetMonitor(SETTINGS, fleet).process_malformed(b"{", InvalidMessage("no JSON"))
    assert fleet.view(0.0).malformed == 1


@pytest.mark.parametrize("phase", list(Phase))
def test_the_connection_in_words(phase: Phase) -> None:
    words = describe(State(phase, reason="a reason"))
    assert words.casefold().startswith({"ready": "connected"}.get(phase, phase))
    assert ("a reason" in words) == (phase in (Phase.BLOCKED, Phase.DISCONNECTED))
