"""The connection to the dashboard's database: SQLite in a file, or PostgreSQL.

What a person can have got wrong is a ConfigurationError, which never shows a password.
"""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from baton.errors import ConfigurationError
from baton.fleet.runs import default_folder
from baton.text import excerpt
from baton_ping_monitor.store.single import Single

DATABASE: Final = "dashboard.db"
ALLOWED: Final = "sqlite:////var/lib/baton/dashboard.db or postgresql://user:password@host/name"
_BUSY: Final = 15.0
"""Seconds to wait for another connection's transaction."""
_PATIENCE: Final = 10
"""Seconds in which PostgreSQL must answer a connection, and acknowledge what is sent."""
_STATEMENT: Final = 60_000
"""Milliseconds that PostgreSQL gives a statement, and any wait for a lock."""
_ENCODINGS: Final = ("UTF8", "SQL_ASCII")
"""Of PostgreSQL's, those that take any text; the second one does not look at it."""
_POOL: Final = 8
"""Connections that are kept open; there are more while more threads ask at once."""
_MORE: Final = 56
_DRIVERS: Final = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
"""What a URL may begin with, and the driver that is taken."""


class Database:
    """An open database: connections that read, and one at a time that writes."""

    def __init__(self, engine: Engine, single: Single | None = None) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._writing = engine.execution_options(baton_writes=True)
        self._single = single
        self._connections: set[Any] = set()
        event.listen(engine, "connect", lambda driver, _: self._connections.add(driver))
        event.listen(engine, "close", lambda driver, _: self._connections.discard(driver))

    @classmethod
    def open(cls, url: str | None) -> Database:
        """The database at a SQLAlchemy *url*, by default a file in the user's state directory.

        Raises ConfigurationError: what is no such URL, lacks its driver, is of a kind that Baton
        does not know, cannot be reached, or is used by another dashboard.
        """
        target = _default() if url is None else _parse(url)
        single = None
        if _is_file(target):
            single = _prepare_file(Path(str(target.database)))
        try:
            engine = _engine(target)
            _listen(engine)
            with engine.connect() as connection:
                _set_up(connection)
                encoding = _encoding(connection)
            engine.dispose()
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"The database {shown(target)} needs {error.name}: "
                "postgresql needs `pip install 'baton-ping-monitor[postgresql]'`"
            ) from None
        except (SQLAlchemyError, sqlite3.Error) as error:
            if single is not None:
                single.release()
            raise unreachable(target, error) from None
        if encoding not in _ENCODINGS:
            raise ConfigurationError(
                f"The database {shown(target)} cannot be used: it keeps text as {encoding}, which "
                "servers need not speak. Make one with ENCODING 'UTF8'"
            )
        return cls(engine, single)

    @property
    def name(self) -> str:
        """Where it is, without a password."""
        return shown(self.engine.url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may write, committed at the end of the block."""
        with self._writing.begin() as connection:
            yield connection

    def interrupt(self) -> None:
        """Let every thread that waits for the database fail, also for one that answers nothing."""
        for driver in list(self._connections):
            if isinstance(driver, sqlite3.Connection):
                driver.interrupt()
            elif not driver.closed:
                with socket.socket(fileno=os.dup(driver.fileno())) as line, suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close its connections, and let others use the file. Who still asks something fails."""
        self.engine.dispose()
        self.interrupt()
        if self._single is not None:
            self._single.release()


def shown(url: URL) -> str:
    """*url* for people: without its password and its options."""
    return url.set(query={}).render_as_string(hide_password=True)


def reason(error: Exception) -> str:
    """What the database said, in a line, without the statement and its values."""
    said = str(error.orig if isinstance(error, DBAPIError) else error)
    return excerpt(" ".join(said.split()), 300)


def unreachable(url: URL, error: Exception) -> ConfigurationError:
    """That the database cannot be used at all, and why."""
    return ConfigurationError(f"The database {shown(url)} cannot be used: {reason(error)}")


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            f"The database is not given as a URL. Allowed is for example {ALLOWED}"
        ) from None
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise ConfigurationError(
            f"The database {shown(url)} is of a kind that cannot be used. "
            f"Allowed are SQLite and PostgreSQL, for example {ALLOWED}"
        )
    url = url.set(drivername=driver)
    if _is_file(url):
        url = url.set(database=str(Path(str(url.database)).absolute()))
    return url


def _default() -> URL:
    return URL.create("sqlite", database=str(default_folder().with_name(DATABASE)))


def _is_file(url: URL) -> bool:
    is_sqlite = url.get_backend_name() == "sqlite"
    return is_sqlite and url.database not in {None, "", ":memory:"} and "uri" not in url.query


def _prepare_file(path: Path) -> Single:
    """Make the file readable for its owner alone, and hold it. Raises ConfigurationError."""
    try:
        if path.parent == default_folder().parent:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return Single.hold(path)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"The database {path} cannot be opened: {why}") from None


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        arguments: dict[str, Any] = {"check_same_thread": False}
        if "timeout" not in url.query:
            arguments["timeout"] = _BUSY
        if _is_file(url):
            return _create(url, arguments, pool_size=_POOL, max_overflow=_MORE)
        # A database in memory is that of one connection, which all threads share.
        return _create(url, arguments, pool_size=1, max_overflow=0)
    arguments = {
        "connect_timeout": _PATIENCE,
        "tcp_user_timeout": _PATIENCE * 1000,
        "keepalives_idle": _PATIENCE,
        "keepalives_interval": _PATIENCE,
        "keepalives_count": 2,
        "application_name": "baton-ping-monitor",
        "client_encoding": "utf8",
        "options": f"-c statement_timeout={_STATEMENT} -c lock_timeout={_STATEMENT} "
        f"-c idle_in_transaction_session_timeout={_STATEMENT} -c timezone=UTC",
    }
    given = {name: value for name, value in arguments.items() if name not in url.query}
    return _create(url, given, pool_size=_POOL, max_overflow=_MORE, pool_pre_ping=True)


def _create(url: URL, arguments: dict[str, Any], **pool: Any) -> Engine:
    try:
        return create_engine(url, connect_args=arguments, poolclass=QueuePool, **pool)
    except (NoSuchModuleError, ArgumentError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"The database {shown(url)} cannot be used: {excerpt(str(error))}. "
            f"Allowed is for example {ALLOWED}"
        ) from None


def _set_up(connection: Connection) -> None:
    """Set up what a SQLite file keeps. Each of it takes a lock on the file."""
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        # Only for a new file, and before anything else: its pages can be given back.
        driver.execute("PRAGMA auto_vacuum = INCREMENTAL")
        driver.execute("PRAGMA journal_mode = WAL")


def _encoding(connection: Connection) -> str:
    if connection.dialect.name == "sqlite":
        return "UTF8"
    return str(connection.exec_driver_sql("SHOW server_encoding").scalar_one())


def _listen(engine: Engine) -> None:
    """Set SQLite up as the dashboard wants it, transactions above all: the driver's own would
    begin late, and leave out the statements that make tables."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        # What is committed survives the end of this process, however it ends. At a power failure
        # the last moments may be lost, but no more: they would cost a wait for the disk each.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -8000")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA journal_size_limit = 67108864")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("baton_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
