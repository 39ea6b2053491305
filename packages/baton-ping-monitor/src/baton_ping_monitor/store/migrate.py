"""Brings a database to the newest tables when it is opened."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from baton.errors import ConfigurationError
from baton_ping_monitor.store.database import Database, unreachable

logger = logging.getLogger(__name__)

_LOCK: Final = 0x6261746F6E
"""The key of PostgreSQL's advisory lock: those who open a database at once migrate in turn."""


def migrate(database: Database) -> None:
    """Make the tables of a new database, or change those of an older one, all or nothing.

    Raises ConfigurationError for a database of a newer Baton, and for one that cannot be changed.
    """
    config = Config()
    config.set_main_option("script_location", "baton_ping_monitor.store:migrations")
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    try:
        with database.writing() as connection:
            if not database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            with _quiet():
                found = _revision(connection)
            if found == head:
                return
            if found is not None and not _is_known(script, found):
                raise ConfigurationError(
                    f"The database {database.name} is of a newer Baton (its revision is {found}, "
                    f"this one knows those up to {head}). Upgrade baton-ping-monitor, or choose "
                    "another database with --database"
                )
            config.attributes["connection"] = connection
            with _quiet():
                command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise unreachable(database.engine.url, error) from None
    logger.info(
        "The database %s was brought up to date, from revision %s to %s",
        database.name,
        found or "none",
        head,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Alembic logs of each step: one line tells what was done."""
    theirs = logging.getLogger("alembic")
    level = theirs.level
    theirs.setLevel(logging.WARNING)
    try:
        yield
    finally:
        theirs.setLevel(level)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _is_known(script: ScriptDirectory, revision: str) -> bool:
    return any(step.revision == revision for step in script.walk_revisions())
