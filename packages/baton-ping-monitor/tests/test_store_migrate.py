"""Older databases are brought up to date, newer ones are refused."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from baton import ConfigurationError
from baton_ping_monitor.store.database import Database
from baton_ping_monitor.store.migrate import migrate
from baton_ping_monitor.store.records import EventFilter, SessionRecord, Span
from baton_ping_monitor.store.schema import metadata
from databases.stores import NOON, Stores, pong, write

FIRST = (Path(__file__).parent / "revision_0001.sql").read_text()
"""A database of the first revision, with something of everything in it."""
WEB = "web01.example.org"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dashboard.db"


@pytest.fixture
def stores(path: Path) -> Iterator[Stores]:
    with ExitStack() as stack:
        yield Stores(f"sqlite:///{path}", stack)


def make_first(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST)


def revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        found: str = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    return found


def test_the_migrations_make_the_tables_of_the_schema(path: Path) -> None:
    database = Database.open(f"sqlite:///{path}")
    try:
        migrate(database)
        with database.reading() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
    finally:
        database.close()


def test_a_database_of_the_first_revision_is_brought_up_to_date(path: Path, stores: Stores) -> None:
    make_first(path)
    store = stores.open()
    record = store.server(WEB)
    assert record is not None
    assert record.facts == {"platform": "debian"}
    assert record.app_names == ("shop",)
    (event,) = store.events(EventFilter(), 10)
    assert (event.observation.fqdn, event.observation.message_id) == (WEB, "m1")
    assert [point.answered for point in store.points(WEB, Span.WEEK, NOON)] == [7]
    assert [each.after for each in store.transitions(WEB, 0, 10)] == ["up"]
    assert [each.subject for each in store.incidents(10)] == [WEB]
    assert store.run("r1") is not None
    # And it does what it could not do before.
    store.put_session(SessionRecord("d", "alice", "viewer", NOON + 1))
    assert store.session("d") is not None
    assert write(store, pong(WEB, message_id="m1"), pong(WEB, message_id="m2")) == (False, True)
    assert revision(path) == ScriptDirectory.from_config(_config()).get_current_head()


def test_a_database_that_is_up_to_date_is_not_touched(
    path: Path, stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    write(stores.open(), pong(message_id="m1"))
    stores.close()
    (record,) = caplog.records
    assert f"{path} was brought up to date, from revision none to " in record.getMessage()
    store = stores.open()
    assert len(store.events(EventFilter(), 10)) == 1
    assert len(caplog.records) == 1


def test_a_database_of_a_newer_baton_is_refused_and_left_alone(path: Path, stores: Stores) -> None:
    make_first(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="is of a newer Baton") as caught:
        stores.open()
    assert str(path) in str(caught.value)
    assert "9999" in str(caught.value)
    assert revision(path) == "9999"
    path.unlink()
    stores.open()  # nothing holds it


def test_a_database_of_something_else_is_refused_and_left_alone(path: Path, stores: Stores) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE outputs (water INTEGER)")
    with pytest.raises(ConfigurationError, match="table outputs already exists"):
        stores.open()
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("outputs",)]


OPEN = """
import sys
from baton_ping_monitor.settings import Retention
from baton_ping_monitor.store.store import Store
sys.stdin.readline()
Store.open(sys.argv[1], Retention(), lambda: 0.0).close()
"""


def test_two_processes_that_open_a_new_one_at_once_do_so_in_turn(path: Path) -> None:
    url = f"sqlite:///{path}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, url],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, said = process.communicate()
        assert process.returncode == 0, said


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "baton_ping_monitor.store:migrations")
    return config
