"""The store: everything that outlives the process.

Every method blocks for as long as the database takes, and may be called from any thread; those that
write take turns. What goes wrong with the database is a SQLAlchemyError, which
:func:`~baton_ping_monitor.store.database.reason` puts into words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from sqlalchemy import Connection, delete, select, text, update

from baton_ping_monitor.store import events, points, queries, rollup
from baton_ping_monitor.store.database import Database
from baton_ping_monitor.store.migrate import migrate
from baton_ping_monitor.store.names import Names, insert, kept
from baton_ping_monitor.store.records import SessionRecord
from baton_ping_monitor.store.retention import Pruning
from baton_ping_monitor.store.schema import alerts, incidents, runs, sessions
from baton_ping_monitor.store.turns import Turns
from baton_ping_monitor.store.writing import write

if TYPE_CHECKING:
    from baton_ping_monitor.fleet.view import Incident
    from baton_ping_monitor.settings import Retention
    from baton_ping_monitor.store.records import (
        AlertRecord,
        Batch,
        Event,
        EventFilter,
        Point,
        RunRecord,
        ServerRecord,
        Span,
        Transition,
    )

_GRACE: Final = 5.0
"""Seconds that the end waits for what is being written."""
_SPARE: Final = 0.2
"""The part of a SQLite file's pages that may be empty before some are given back."""
_GIVEN_BACK: Final = 500
"""Pages that are given back at once."""


class Store:
    """The dashboard's database; it is the ``History`` of the views."""

    def __init__(
        self, database: Database, retention: Retention, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._retention = retention
        self._clock = clock
        self._names = Names()
        self._turns = Turns()
        self._is_closing = False

    @classmethod
    def open(cls, url: str | None, retention: Retention, clock: Callable[[], float]) -> Self:
        """The store in the database at a SQLAlchemy *url*, by default SQLite in
        ``$XDG_STATE_HOME/baton/dashboard.db``, with its tables brought up to date.

        Raises ConfigurationError, which says what is wrong and never shows a password.
        """
        database = Database.open(url)
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise
        return cls(database, retention, clock)

    def close(self) -> None:
        """Close it, after what is being written. What was written stays; a database that does not
        answer is left to itself."""
        self._is_closing = True
        self._turns.idle(_GRACE)
        self._database.close()

    def interrupt(self) -> None:
        """Let every thread that waits for the database fail."""
        self._database.interrupt()

    @property
    def name(self) -> str:
        """Where it is, without a password."""
        return self._database.name

    def size(self) -> int:
        """The bytes that the database takes."""
        with self._database.reading() as connection:
            query = "SELECT pg_database_size(current_database())"
            if self._database.is_sqlite:
                query = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
            return int(connection.scalar(text(query)) or 0)

    # Writing

    def write(self, batch: Batch) -> tuple[bool, ...]:
        """Write *batch*, all of it or nothing; which of its observations are new, in their order.
        One that was written before is not written again: its message_id tells."""
        with self._writing() as connection:
            return write(connection, batch, self._names)

    def write_incident(self, *changed: Incident) -> None:
        """Keep incidents in place of what was kept of them, all in one transaction."""
        rows = [
            {
                "id": kept(incident.id, 64),
                "subject": kept(incident.subject),
                "is_environment": incident.is_environment,
                "environment": kept(incident.environment),
                "servers": json.dumps(incident.servers),
                "began": incident.began,
                "ended": incident.ended,
            }
            for incident in changed
        ]
        with self._writing() as connection:
            statement = insert(connection, incidents)
            new = {c.name: statement.excluded[c.name] for c in incidents.c if c.name != "id"}
            connection.execute(
                statement.on_conflict_do_update(index_elements=["id"], set_=new), rows
            )

    def write_run(self, run: RunRecord) -> None:
        """Keep *run* in place of what was kept of it."""
        document = dict(run.document)
        replies = document.pop("replies", None)
        row = {
            "id": kept(run.id, 255),
            "sent": run.sent,
            "by": kept(run.by),
            "targets": json.dumps(run.targets),
            "document": json.dumps(document),
            "replies": None if replies is None else json.dumps(replies),
        }
        with self._writing() as connection:
            statement = insert(connection, runs).values(row)
            del row["id"]
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row))

    def write_alert(self, *sent: AlertRecord) -> None:
        """Note that alerts were sent, or were not, all in one transaction."""
        rows = [
            {
                "at": alert.at,
                "incident": kept(alert.incident),
                "title": kept(alert.title),
                "destination": kept(alert.destination),
                "trouble": kept(alert.trouble),
            }
            for alert in sent
        ]
        with self._writing() as connection:
            connection.execute(alerts.insert(), rows)

    # Asking

    def servers(self, limit: int = 10_000) -> Sequence[ServerRecord]:
        """The servers that are kept, without their facts; with more than *limit*, those that are
        expected or were seen last."""
        with self._database.reading() as connection:
            return queries.all_servers(connection, limit)

    def server(self, fqdn: str) -> ServerRecord | None:
        """What is kept of a server, with its facts."""
        with self._database.reading() as connection:
            return queries.server(connection, kept(fqdn))

    def recent(self, fqdns: Sequence[str], number: int = 30) -> dict[str, tuple[float | None, ...]]:
        """The latencies of the last *number* pings of servers, the oldest first; None is a ping
        that was let pass. Those of which nothing is among the newest are left out."""
        with self._database.reading() as connection:
            return points.recent(connection, fqdns, number)

    def points(self, fqdn: str, span: Span, now: float) -> Sequence[Point]:
        """The history of a server, the oldest first, in as few points as a chart can show."""
        with self._database.reading() as connection:
            return points.points(connection, kept(fqdn), span, now)

    def transitions(self, fqdn: str | None, since: float, limit: int) -> Sequence[Transition]:
        """The changes of state of a server, or of all, the latest first."""
        with self._database.reading() as connection:
            return queries.all_transitions(connection, fqdn and kept(fqdn), since, limit)

    def events(self, which: EventFilter, limit: int) -> Sequence[Event]:
        """Outputs, the latest first; with ``after``, the oldest first. Their facts are None."""
        with self._database.reading() as connection:
            return events.events(connection, which, limit)

    def replies(self, message_id: str) -> Sequence[Event]:
        """The outputs that answer a command, in the order in which they came."""
        with self._database.reading() as connection:
            return events.replies(connection, kept(message_id))

    def runs(self, limit: int) -> Sequence[RunRecord]:
        """The runs that are kept, the latest first, without their replies."""
        with self._database.reading() as connection:
            return queries.all_runs(connection, limit)

    def run(self, run_id: str) -> RunRecord | None:
        """One run, with its replies."""
        with self._database.reading() as connection:
            return queries.run(connection, kept(run_id))

    def incidents(self, limit: int) -> Sequence[Incident]:
        """Incidents, the latest first."""
        with self._database.reading() as connection:
            return queries.all_incidents(connection, limit)

    def open_incidents(self, limit: int) -> Sequence[Incident]:
        """Those that have not ended, the latest first, however many came after them."""
        with self._database.reading() as connection:
            return queries.all_incidents(connection, limit, only_open=True)

    def alerts(self, limit: int) -> Sequence[AlertRecord]:
        """The alerts that were sent, the latest first."""
        with self._database.reading() as connection:
            return queries.all_alerts(connection, limit)

    def told(self, limit: int) -> dict[str, float]:
        """When people were told of incidents last, or it was given up, by the incidents' ids: of
        those that this was so of last."""
        with self._database.reading() as connection:
            return queries.told(connection, limit)

    # Who is logged in

    def put_session(self, session: SessionRecord) -> None:
        """Keep *session* in place of what was kept under its digest."""
        row = {
            "user": kept(session.user),
            "role": kept(session.role),
            "expires": session.expires,
        }
        with self._writing() as connection:
            statement = insert(connection, sessions).values(digest=session.digest, **row)
            connection.execute(statement.on_conflict_do_update(index_elements=["digest"], set_=row))

    def extend_session(self, digest: str, expires: float) -> None:
        """Have the session of this digest, if there is one still, expire then."""
        statement = update(sessions).where(sessions.c.digest == kept(digest))
        with self._writing() as connection:
            connection.execute(statement.values(expires=expires))

    def session(self, digest: str) -> SessionRecord | None:
        """The session of this digest, None if there is none, or it has expired."""
        query = select(sessions).where(
            sessions.c.digest == kept(digest), sessions.c.expires > self._clock()
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else SessionRecord(row.digest, row.user, row.role, row.expires)

    def delete_session(self, digest: str) -> None:
        """Forget the session of this digest."""
        with self._writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.digest == kept(digest)))

    def delete_sessions(self, user: str) -> int:
        """Forget all sessions of *user*; how many there were."""
        with self._writing() as connection:
            return connection.execute(delete(sessions).where(sessions.c.user == user)).rowcount

    # Upkeep

    def roll(self) -> None:
        """Roll up to minutes and hours what came since this was done last."""
        more = True
        while more and not self._is_closing:
            with self._writing() as connection:
                more = rollup.roll(connection)

    def prune(self) -> None:
        """Delete what is older than it is to be kept, in many small transactions."""
        pruning = Pruning(self._retention, self._clock())
        more = True
        while more and not self._is_closing:
            with self._writing() as connection:
                more = pruning.step(connection)
                if pruning.changes_names:
                    self._names.forget()
                    pruning.changes_names = False
        while not self._is_closing and self._gives_back():
            pass

    def _gives_back(self) -> bool:
        """Shrink a SQLite file of which much is empty by a little; whether there is more."""
        if not self._database.is_sqlite:
            return False
        with self._writing() as connection:
            spare = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            if spare <= max(_GIVEN_BACK, pages * _SPARE):
                return False
            # It goes on as its rows, which have no columns, are asked for.
            driver = connection.connection.cursor()
            driver.execute(f"PRAGMA incremental_vacuum({_GIVEN_BACK})")
            driver.fetchall()
            left = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
            return bool(left < spare)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._turns.turn():
            try:
                with self._database.writing() as connection:
                    yield connection
            except BaseException:
                self._names.forget()  # their transaction may not have been committed
                raise
