"""What is made of a soak.

A fault is over when all servers have answered a ping again. From then until the next one every
ping is answered by all: one that is not is *unexplained*.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from faults.growth import Bound, Trend, trend

RECOVERY = 60.0
"""Seconds after the end of a fault in which all have answered again, on a machine with much to do.
What is promised is less: the report says what was measured."""

BOUNDS = {
    "resident memory (MiB)": Bound(share=0.05, more=4),
    "file descriptors": Bound(more=4),
    "threads": Bound(more=2),
    "asyncio tasks": Bound(more=8),
    "queues": Bound(more=4),
    "connections": Bound(more=4),
}
"""What is measured, and what it may grow by from the end of the warm-up to the end."""


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping: when it was sent, when it was over, and how many servers have answered."""

    sent: float
    over: float
    answered: int


@dataclass(slots=True)
class Fault:
    """A fault: from when to when, and when all had answered again (None: not in time)."""

    what: str
    began: float
    ended: float = 0.0
    recovered: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured at a time; *quiet*: no fault was under way, nor was it recovered from."""

    at: float
    quiet: bool
    values: dict[str, float]


@dataclass(kw_only=True)
class Record:
    """What was written down in *seconds*, of which the first *warm_up* are not judged; ``code`` is
    that of the fleet's process at the end."""

    servers: int
    seconds: float
    warm_up: float
    seed: int
    pings: list[Ping] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of a soak; it was good if there are no *complaints*."""

    trends: list[Trend]
    unexplained: list[Ping]
    complaints: list[str]


def judge(soak: Record) -> Judgement:
    """Look at what was measured after the warm-up, while it was quiet."""
    trends: list[Trend] = []
    complaints: list[str] = []
    for name, bound in BOUNDS.items():
        points = [
            (sample.at, sample.values[name])
            for sample in soak.samples
            if sample.quiet and sample.at >= soak.warm_up and name in sample.values
        ]
        try:
            trends.append(trend(name, points, bound))
        except ValueError as error:
            complaints.append(str(error))
    complaints += [f"it grows: {each}" for each in trends if each.grows]
    unexplained = [ping for ping in soak.pings if not _is_explained(ping, soak)]
    complaints += [
        f"a ping at {ping.sent:.0f} s: {ping.answered} of {soak.servers} answered, and no fault"
        for ping in unexplained
    ]
    complaints += [
        f"{fault.what} at {fault.began:.0f} s: not all answered within {RECOVERY:.0f} s"
        for fault in soak.faults
        if fault.recovered is None
    ]
    if not soak.faults:
        complaints.append("there was no fault at all")
    if soak.code != 0:
        complaints.append(f"the fleet's process ended with {soak.code}")
    return Judgement(trends, unexplained, complaints)


def _is_explained(ping: Ping, soak: Record) -> bool:
    if ping.answered == soak.servers:
        return True
    first = min((each.sent for each in soak.pings if each.answered == soak.servers), default=0.0)
    return ping.sent < first or any(
        fault.began <= ping.over and (fault.recovered is None or ping.sent <= fault.recovered)
        for fault in soak.faults
    )


def as_document(soak: Record, judgement: Judgement) -> dict[str, Any]:
    """All of it, for JSON."""
    return {
        "seed": soak.seed,
        "servers": soak.servers,
        "seconds": round(soak.seconds, 1),
        "warm_up": round(soak.warm_up, 1),
        "complaints": judgement.complaints,
        "trends": [
            {
                "name": each.name,
                "start": each.start,
                "end": each.end,
                "allowed": each.allowed,
                "samples": each.samples,
            }
            for each in judgement.trends
        ],
        "faults": [
            {
                "what": each.what,
                "began": each.began,
                "ended": each.ended,
                "recovered": each.recovered,
            }
            for each in soak.faults
        ],
        "pings": [[each.sent, each.over, each.answered] for each in soak.pings],
        "samples": [{"at": each.at, "quiet": each.quiet, **each.values} for each in soak.samples],
    }
