"""Deletes what is older than it is to be kept, in pieces, so that nobody waits for long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Table, and_, delete, exists, func, or_, select

from baton_ping_monitor.store.rollup import mark
from baton_ping_monitor.store.schema import (
    alerts,
    contents,
    facts,
    hours,
    incidents,
    minutes,
    missed,
    outputs,
    runs,
    servers,
    sessions,
    transitions,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from baton_ping_monitor.settings import Retention

AT_ONCE: Final = 2_000
"""Rows that are deleted in one transaction."""
SERVERS: Final = 20
"""Servers whose roll-ups are deleted in one transaction."""
MOST_BYTES: Final = 16 * 1024**3
"""Characters of all bodies, about."""
_SAMPLE: Final = 500
_AHEAD: Final = 3_600.0
"""Seconds: what is from so far in the future was written while the clock was wrong."""


class Pruning:
    """One pass over everything. Each call of :meth:`step` is a transaction's work."""

    def __init__(self, retention: Retention, now: float) -> None:
        self._retention = retention
        self._now = now
        self._after: dict[str, int] = {}
        self._share: float | None = None
        self._too_many = 0
        self._steps: list[Callable[[Connection], bool]] = [
            self._outputs,
            self._missed,
            lambda connection: self._rollup(connection, minutes, retention.minutes),
            lambda connection: self._rollup(connection, hours, retention.hours),
            lambda connection: self._aged(connection, transitions, "at", retention.hours),
            lambda connection: self._aged(connection, alerts, "at", retention.hours),
            lambda connection: self._aged(connection, incidents, "ended", retention.hours),
            self._runs,
            lambda connection: self._aged(connection, sessions, "expires", 0.0),
            self._contents,
            self._servers,
        ]
        self.changes_names = False
        """Whether rows were deleted whose numbers may be remembered."""

    def step(self, connection: Connection) -> bool:
        """Delete a little; whether there is more to do."""
        if self._steps and not self._steps[0](connection):
            del self._steps[0]
        return bool(self._steps)

    def _outputs(self, connection: Connection) -> bool:
        """From the oldest on; what is not rolled up yet stays."""
        rolled = mark(connection, outputs)
        first, last = connection.execute(
            select(func.min(outputs.c.id), func.max(outputs.c.id))
        ).one()
        if first is None:
            return False
        if self._share is None:
            self._share = self._share_of_room(connection)
            self._too_many = max(
                last - self._retention.most_outputs, last - int((last - first + 1) / self._share)
            )
        too_many = self._too_many
        chunk = (
            select(outputs.c.id)
            .where(outputs.c.id <= rolled)
            .order_by(outputs.c.id)
            .limit(AT_ONCE)
            .subquery()
        )
        old = or_(
            self._is_old(outputs.c.received, self._retention.outputs), outputs.c.id <= too_many
        )
        done = connection.execute(delete(outputs).where(outputs.c.id.in_(select(chunk.c.id)), old))
        return done.rowcount == AT_ONCE

    def _share_of_room(self, connection: Connection) -> float:
        """How much of the room for bodies is taken, at least 1: as the newest are, so are all."""
        newest = select(func.length(contents.c.body).label("length"))
        newest = newest.order_by(contents.c.id.desc()).limit(_SAMPLE)
        mean = connection.scalar(select(func.avg(newest.subquery().c.length)))
        number = connection.scalar(select(func.count()).select_from(contents))
        return max(1.0, float(mean or 0.0) * (number or 0) / MOST_BYTES)

    def _missed(self, connection: Connection) -> bool:
        rolled = mark(connection, missed)
        chunk = (
            select(missed.c.id)
            .where(missed.c.id <= rolled)
            .order_by(missed.c.id)
            .limit(AT_ONCE)
            .subquery()
        )
        done = connection.execute(
            delete(missed).where(
                missed.c.id.in_(select(chunk.c.id)),
                self._is_old(missed.c.at, self._retention.outputs),
            )
        )
        return done.rowcount == AT_ONCE

    def _rollup(self, connection: Connection, table: Table, age: float) -> bool:
        """Server after server: a server's rows lie together, in the order of time."""
        after = self._after.get(table.name, 0)
        query = select(servers.c.id).where(servers.c.id > after).order_by(servers.c.id)
        ids = connection.scalars(query.limit(SERVERS)).all()
        if not ids:
            return False
        old = table.c.at < self._now - age
        connection.execute(delete(table).where(table.c.server_id.in_(ids), old))
        self._after[table.name] = ids[-1]
        return True

    def _aged(self, connection: Connection, table: Table, column: str, age: float) -> bool:
        key = next(iter(table.primary_key.columns))
        chunk = select(key).where(table.c[column] < self._now - age).limit(AT_ONCE).subquery()
        done = connection.execute(delete(table).where(key.in_(select(chunk.c[key.name]))))
        return done.rowcount == AT_ONCE

    def _runs(self, connection: Connection) -> bool:
        newest = select(runs.c.id).order_by(runs.c.sent.desc(), runs.c.id)
        newest = newest.limit(self._retention.most_runs)
        connection.execute(delete(runs).where(runs.c.id.not_in(select(newest.subquery().c.id))))
        return False

    def _contents(self, connection: Connection) -> bool:
        """Those that no output has any more."""
        unused = ~exists().where(outputs.c.content_id == contents.c.id)
        return self._swept(connection, contents, unused)

    def _servers(self, connection: Connection) -> bool:
        """Those of which nothing is kept, and that nobody expects."""
        last_seen = func.coalesce(servers.c.last_seen, servers.c.since, 0.0)
        given_up = or_(
            servers.c.is_known.is_(False),
            and_(servers.c.is_expected.is_(False), last_seen < self._now - self._retention.hours),
        )
        tables = (contents, outputs, missed, minutes, hours, transitions)
        unused = [~exists().where(table.c.server_id == servers.c.id) for table in tables]
        after = self._after.get("servers", 0)
        chunk = select(servers.c.id).where(servers.c.id > after)
        ids = connection.scalars(chunk.order_by(servers.c.id).limit(AT_ONCE)).all()
        if not ids:
            return False
        gone = connection.scalars(
            select(servers.c.id).where(servers.c.id.between(ids[0], ids[-1]), given_up, *unused)
        ).all()
        if gone:
            connection.execute(delete(facts).where(facts.c.server_id.in_(gone)))
            connection.execute(delete(servers).where(servers.c.id.in_(gone)))
            self.changes_names = True
        self._after["servers"] = ids[-1]
        return True

    def _swept(self, connection: Connection, table: Table, unused: Any) -> bool:
        after = self._after.get(table.name, 0)
        chunk = select(table.c.id).where(table.c.id > after).order_by(table.c.id).limit(AT_ONCE)
        last = connection.scalar(select(func.max(chunk.subquery().c.id)))
        if last is None:
            return False
        done = connection.execute(
            delete(table).where(table.c.id > after, table.c.id <= last, unused)
        )
        self.changes_names = self.changes_names or done.rowcount > 0
        self._after[table.name] = last
        return True

    def _is_old(self, column: Any, age: float) -> Any:
        return or_(column < self._now - age, column > self._now + _AHEAD)
