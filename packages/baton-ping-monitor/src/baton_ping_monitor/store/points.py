"""The history of a server in as few points as a chart can show."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final

from sqlalchemy import Connection, func, null, select

from baton_ping_monitor.store.records import Point, Span
from baton_ping_monitor.store.schema import Sort, hours, minutes, missed, outputs, servers

HOUR, DAY = 3600, 86_400
MOST: Final = 400
"""Points that a chart is given at most."""
_SAMPLES: Final = 20_000
"""Raw samples of a server that are looked at, the newest."""
SPANS: Final = {
    Span.DAY: (minutes, DAY, 300),
    Span.WEEK: (hours, 7 * DAY, HOUR),
    Span.QUARTER: (hours, 90 * DAY, 6 * HOUR),
}
"""The roll-up that a span is read from, its length, and the seconds of a point."""


def points(connection: Connection, fqdn: str, span: Span, now: float) -> Sequence[Point]:
    """The history of a server, the oldest point first."""
    server_id = connection.scalar(select(servers.c.id).where(servers.c.fqdn == fqdn))
    if server_id is None:
        return []
    if span is Span.HOUR:
        return _samples(connection, server_id, now - HOUR)
    table, length, width = SPANS[span]
    at = (table.c.at // width * width).label("start")
    query = (
        select(
            at,
            func.sum(table.c.answered),
            func.sum(table.c.missed),
            func.sum(table.c.errors),
            func.min(table.c.low),
            func.sum(table.c.total),
            func.sum(table.c.measured),
            func.max(table.c.high),
        )
        .where(table.c.server_id == server_id, table.c.at > now - length - width)
        .where(table.c.at <= now)
        .group_by(at)
        .order_by(at)
    )
    return [
        Point(
            float(start),
            float(width),
            int(answered),
            int(silent),
            int(errors),
            low,
            total / measured if measured else None,
            high,
        )
        for start, answered, silent, errors, low, total, measured, high in connection.execute(query)
    ]


def recent(
    connection: Connection, fqdns: Sequence[str], number: int
) -> dict[str, tuple[float | None, ...]]:
    """The latencies of the last *number* pings of servers, the oldest first; None is a ping that
    was let pass. Those of which nothing is among the newest are left out."""
    most = number * len(fqdns)
    known = connection.execute(select(servers.c.id, servers.c.fqdn))
    wanted = set(fqdns)
    names = {row.id: row.fqdn for row in known if row.fqdn in wanted}
    answered = connection.execute(
        select(outputs.c.server_id, outputs.c.received, outputs.c.latency)
        .where(outputs.c.sort == int(Sort.ANSWER), outputs.c.latency.is_not(None))
        .order_by(outputs.c.id.desc())
        .limit(most)
    )
    silent = connection.execute(
        select(missed.c.server_id, missed.c.at, null()).order_by(missed.c.id.desc()).limit(most)
    )
    samples: dict[int, list[tuple[float, float | None]]] = {}
    for server_id, at, latency in chain(answered, silent):
        samples.setdefault(server_id, []).append((at, latency))
    found = {}
    for server_id, fqdn in names.items():
        if each := sorted(samples.get(server_id, ()), key=lambda sample: sample[0]):
            found[fqdn] = tuple(latency for _, latency in each[-number:])
    return found


def _samples(connection: Connection, server_id: int, since: float) -> Sequence[Point]:
    rows = connection.execute(
        select(outputs.c.received, outputs.c.sort, outputs.c.latency)
        .where(outputs.c.server_id == server_id, outputs.c.received > since)
        .where(outputs.c.sort.in_([int(Sort.ANSWER), int(Sort.ERROR)]))
        .order_by(outputs.c.received.desc())
        .limit(_SAMPLES)
    )
    found = [
        Point(received, 0.0, int(sort == Sort.ANSWER), 0, int(sort == Sort.ERROR), each, each, each)
        for received, sort, each in rows
    ]
    silent = connection.scalars(
        select(missed.c.at)
        .where(missed.c.server_id == server_id, missed.c.at > since)
        .order_by(missed.c.at.desc())
        .limit(_SAMPLES)
    )
    found += [Point(at, 0.0, 0, 1, 0, None, None, None) for at in silent]
    found.sort(key=lambda point: point.at)
    return found if len(found) <= MOST else _merged(found, since)


def _merged(samples: Sequence[Point], since: float) -> Sequence[Point]:
    """Samples of an hour in steps of its 360th part."""
    width = HOUR / 360
    steps: dict[int, list[Point]] = {}
    for sample in samples:
        steps.setdefault(int((sample.at - since) // width), []).append(sample)
    return [_sum(since + step * width, width, parts) for step, parts in sorted(steps.items())]


def _sum(at: float, width: float, parts: Sequence[Point]) -> Point:
    known = [part.mean for part in parts if part.mean is not None]
    return Point(
        at,
        width,
        sum(part.answered for part in parts),
        sum(part.missed for part in parts),
        sum(part.errors for part in parts),
        min(known, default=None),
        sum(known) / len(known) if known else None,
        max(known, default=None),
    )
