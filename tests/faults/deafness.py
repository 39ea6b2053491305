"""Whether a service said that it is ready while it was deaf.

A probe is *evidence* that a server is deaf, if the broker took it, or said that nobody listens; the
server said that it is ready from then on for :data:`HEARS` seconds; and it never had the probe.
(One that the broker does not take proves nothing: no command would come. One that is begun late, or
dropped because its turn came after it had expired, was heard by a server that is slow: on a machine
with much else to do a probe waits for seconds behind commands.) Some faults nobody can tell at
once, so a service may be wrong for as long as it takes to notice; evidence that goes on for longer,
with nothing heard and no other state in between, is a lie.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from faults.history import Event, History, Kind

HEARS = 2.0
"""Seconds for which a service must say that it is ready: as long as a probe waits for it."""
READY = "ready"
TOLD = 3.0
"""Seconds that it may take to notice what the broker or the line tells: see ``notice``."""


@dataclass(frozen=True, slots=True)
class Deaf:
    """A server that said it is ready, and heard nothing for so many seconds."""

    server: str
    seconds: float
    probes: int

    def __str__(self) -> str:
        return (
            f"{self.server} said ready while it was deaf for {self.seconds:.1f} s: "
            f"{self.probes} probes were not heard"
        )


def deaf(history: History, notice: float) -> Iterator[Deaf]:
    """The servers that said so for longer than *notice* seconds, in *history*."""
    heard = {event.id for event in history.of(Kind.HEARD, Kind.EXPIRED)}
    states: defaultdict[str, list[Event]] = defaultdict(list)
    probes: defaultdict[str, list[Event]] = defaultdict(list)
    for event in history.of(Kind.STATE):
        states[event.server].append(event)
    for event in history.of(Kind.PROBED):
        probes[event.server].append(event)
    for server, those in probes.items():
        evidence: list[Event] = []
        for probe in [*those, None]:
            if probe is not None and _is_evidence(probe, heard, states[server]):
                evidence.append(probe)
                continue
            seconds = evidence[-1].at - evidence[0].at if evidence else 0.0
            if seconds > notice:
                yield Deaf(server, seconds, len(evidence))
            evidence = []


def _is_evidence(probe: Event, heard: set[str], states: Sequence[Event]) -> bool:
    if probe.id in heard:
        return False
    before = [state for state in states if state.at <= probe.at]
    within = [state for state in states if probe.at < state.at <= probe.at + HEARS]
    return bool(before) and all(state.detail == READY for state in [before[-1], *within])
