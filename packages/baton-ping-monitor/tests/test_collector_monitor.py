"""The monitor that has outputs kept."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from baton import Configuration, InvalidMessage, Message, State
from baton.link import Phase
from baton_ping_monitor.clock import Clock
from baton_ping_monitor.collector.monitor import CollectingMonitor, describe
from baton_ping_monitor.observation import MALFORMED, Observation

if TYPE_CHECKING:
    from conftest import Say

HOUR = 3600.0
SETTINGS = Configuration(rabbit_url="memory://monitor")


class Kept:
    """What a monitor had kept."""

    def __init__(self, instance: str | None = None) -> None:
        self.batches: list[list[Observation]] = []
        self.monitor = CollectingMonitor(SETTINGS, "baton-ping", instance, self.keep, Clock())

    async def keep(self, observations: Sequence[Observation]) -> None:
        self.batches.append(list(observations))

    @property
    def ages(self) -> dict[str, float]:
        now = time.time()
        return {
            each.fqdn: abs(round(now - each.received, -1))
            for batch in self.batches
            for each in batch
        }


async def test_a_batch_is_kept_as_one(say: Say) -> None:
    kept = Kept()
    await kept.monitor.process_messages([say("web01", answers="p1"), say("web02", "info")])
    ((first, second),) = kept.batches
    assert (first.fqdn, first.kind, first.correlation_id) == ("web01", "pong", "p1")
    assert (second.fqdn, second.kind, second.extension) == ("web02", "info", "baton-ping")


async def test_what_is_no_message_is_kept_too() -> None:
    kept = Kept()
    await kept.monitor.process_malformed(b"{", InvalidMessage("no JSON"))
    ((odd,),) = kept.batches
    assert (odd.kind, odd.body, odd.summary) == (MALFORMED, "{", "no JSON")


async def test_the_time_that_it_waited_here_does_not_count() -> None:
    kept = Kept()
    message = Message({"type": "pong", "fqdn": "web01"}, received=time.monotonic() - 100)
    await kept.monitor.process_messages([message])
    assert kept.ages == {"web01": 100.0}


async def test_what_waited_while_an_instance_was_away_is_old(say: Say) -> None:
    kept = Kept("here")
    now = time.time()
    messages = [
        say("web01", timestamp=now - 2 * HOUR),
        say("web02", timestamp=now - HOUR),
        say("ruby"),
        say("web03", timestamp=now + 1),
        # The backlog is over: a clock that is behind is a clock that is behind.
        say("web04", timestamp=now - HOUR),
    ]
    await kept.monitor.process_messages(messages)
    assert kept.ages == {"web01": 7200, "web02": 3600, "ruby": 0, "web03": 0, "web04": 0}


async def test_timestamps_are_in_whole_seconds(say: Say) -> None:
    kept = Kept("here")
    before = time.time()
    await kept.monitor.process_messages([say("web01", timestamp=float(math.floor(before)))])
    assert kept.batches[0][0].received >= before - 0.1


async def test_without_an_instance_nothing_waits(say: Say) -> None:
    kept = Kept()
    await kept.monitor.process_messages([say("web01", timestamp=time.time() - HOUR)])
    assert kept.ages == {"web01": 0}


def test_a_batch_fits_into_what_the_broker_sends_ahead() -> None:
    monitor = Kept().monitor
    assert monitor.configuration.prefetch > monitor.batch > 1


@pytest.mark.parametrize("phase", list(Phase))
def test_the_connection_in_words(phase: Phase) -> None:
    words = describe(State(phase, reason="a reason"))
    assert words.casefold().startswith({"ready": "connected"}.get(phase, phase))
    assert ("a reason" in words) == (phase in (Phase.BLOCKED, Phase.DISCONNECTED))
