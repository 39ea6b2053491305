"""Rolls outputs and missed pings up to minutes and hours.

Up to which id that was done is a mark in the database, which moves in the same transaction: so what
was interrupted goes on where it stopped, nothing is counted twice, and what comes late is added to
the minute in which it was received.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Float,
    Select,
    Table,
    case,
    cast,
    func,
    literal,
    null,
    select,
)

from baton_ping_monitor.store.names import insert
from baton_ping_monitor.store.schema import Sort, hours, marks, minutes, missed, outputs

AT_ONCE: Final = 10_000
"""Rows that are rolled up in one transaction."""
WIDTHS: Final = ((minutes, 60), (hours, 3600))


def mark(connection: Connection, source: Table) -> int:
    """Up to which id the rows of *source*, outputs or missed, were rolled up."""
    found = connection.scalar(select(marks.c.id).where(marks.c.name == source.name))
    return found or 0


def roll(connection: Connection) -> bool:
    """Roll up what came since, at most :data:`AT_ONCE` of each; whether there may be more."""
    more = [_roll(connection, source) for source in (outputs, missed)]
    return any(more)


def _roll(connection: Connection, source: Table) -> bool:
    after = mark(connection, source)
    ids = select(source.c.id).where(source.c.id > after).order_by(source.c.id).limit(AT_ONCE)
    new = ids.subquery()
    last, number = connection.execute(select(func.max(new.c.id), func.count(new.c.id))).one()
    if not number:
        return False
    for target, width in WIDTHS:
        statement = insert(connection, target)
        rows = _grouped(source, width, after, last)
        statement = statement.from_select([c.name for c in target.c], rows)
        added = {
            name: target.c[name] + statement.excluded[name]
            for name in ("answered", "missed", "errors", "total", "measured")
        }
        for name, pick in (("low", func.min), ("high", func.max)):
            old, other = target.c[name], statement.excluded[name]
            # The two that are not null: SQLite's min() of two is null if one of them is.
            both = (
                pick(old, other) if connection.dialect.name == "sqlite" else _pick(name, old, other)
            )
            added[name] = func.coalesce(both, old, other)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["server_id", "at"], set_=added)
        )
    changed = insert(connection, marks).values(name=source.name, id=last)
    connection.execute(
        changed.on_conflict_do_update(index_elements=["name"], set_={"id": changed.excluded.id})
    )
    return bool(number == AT_ONCE)


def _pick(name: str, old: Any, new: Any) -> Any:
    return func.least(old, new) if name == "low" else func.greatest(old, new)


def _grouped(source: Table, width: int, after: int, last: int) -> Select[Any]:
    """The rows of a roll-up: *source* in steps of *width* seconds."""
    zero = literal(0)
    if source is outputs:
        at = cast(func.floor(outputs.c.received / width), BigInteger) * width
        counts = [
            func.sum(case((outputs.c.sort == int(Sort.ANSWER), 1), else_=0)),
            zero,
            func.sum(case((outputs.c.sort == int(Sort.ERROR), 1), else_=0)),
            func.min(outputs.c.latency),
            func.max(outputs.c.latency),
            func.coalesce(func.sum(outputs.c.latency), 0.0),
            func.count(outputs.c.latency),
        ]
        which = outputs.c.sort != int(Sort.OTHER)
    else:
        at = cast(func.floor(missed.c.at / width), BigInteger) * width
        nothing = cast(null(), Float)
        counts = [zero, func.count(), zero, nothing, nothing, literal(0.0), zero]
        which = missed.c.id > after
    return (
        select(source.c.server_id, at, *counts)
        .where(source.c.id > after, source.c.id <= last, which)
        .group_by(source.c.server_id, at)
    )
