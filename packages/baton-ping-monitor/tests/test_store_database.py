"""Opening a database: where it is, who may read it, and what people get wrong."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from baton import ConfigurationError
from baton_ping_monitor.store.database import Database


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def refused(url: str | None) -> str:
    """What is said of a database that cannot be opened."""
    with pytest.raises(ConfigurationError) as caught:
        Database.open(url)
    return str(caught.value)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_by_default_it_is_a_file_in_the_users_state(state: Path) -> None:
    database = Database.open(None)
    path = state / "baton" / "dashboard.db"
    try:
        with database.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE a (b)")
        assert database.name == f"sqlite:///{path}"
        assert database.is_sqlite
        assert mode(path.parent) == 0o700
        for each in path.parent.iterdir():
            assert mode(each) == 0o600, each
    finally:
        database.close()


def test_a_file_is_set_up_to_survive_the_process(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'a.db'}")
    try:
        with database.reading() as connection:
            asked = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "auto_vacuum")
            }
    finally:
        database.close()
    assert asked == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "auto_vacuum": 2}


def test_a_relative_file_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    database = Database.open("sqlite:///here.db")
    try:
        monkeypatch.chdir("/")
        assert database.name == f"sqlite:///{tmp_path / 'here.db'}"
        with database.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE a (b)")
    finally:
        database.close()


def test_a_database_in_memory_is_the_same_for_all_threads() -> None:
    database = Database.open("sqlite://")
    try:
        with database.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE a (b)")
        with database.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM a").scalar_one() == 0
    finally:
        database.close()


def test_who_only_reads_does_not_wait_for_who_writes(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'a.db'}?timeout=0")
    try:
        with database.writing() as writing:
            writing.exec_driver_sql("CREATE TABLE a (b)")
            with database.reading() as reading:
                query = "SELECT count(*) FROM sqlite_master"
                assert reading.exec_driver_sql(query).scalar_one() == 0
    finally:
        database.close()


@pytest.mark.parametrize(
    "url", ["", "dashboard.db", "/var/lib/baton.db", "postgresql://u:s3cret@host:port/db"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    said = refused(url)
    assert "not given as a URL" in said
    assert "sqlite:////var/lib/baton/dashboard.db" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("kind", ["mysql", "mysql+pymysql", "oracle", "sqlite+aiosqlite", "what"])
def test_other_kinds_of_databases_are_refused(kind: str) -> None:
    said = refused(f"{kind}://user:s3cret@host/db")
    assert f"{kind}://user:***@host/db" in said
    assert "SQLite and PostgreSQL" in said


def test_a_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    said = refused("postgresql://user:s3cret@host/db")
    assert "pip install 'baton-ping-monitor[postgresql]'" in said
    assert "s3cret" not in said


def test_a_server_that_cannot_be_reached_is_named() -> None:
    said = refused("postgres://user:s3cret@127.0.0.1:1/db")
    assert said.startswith("The database postgresql+psycopg://user:***@127.0.0.1:1/db cannot")
    assert "refused" in said
    assert "s3cret" not in said


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    said = refused(f"sqlite:///{tmp_path / 'nowhere' / 'a.db'}")
    assert said == (
        f"The database {tmp_path / 'nowhere' / 'a.db'} cannot be opened: no such file or directory"
    )


def test_a_state_folder_that_cannot_be_made_is_named(state: Path) -> None:
    state.write_text("a file")
    assert f"{state / 'baton' / 'dashboard.db'} cannot be opened: not a directory" in refused(None)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("My notes. " * 100)
    assert "cannot be used: file is not a database" in refused(f"sqlite:///{path}")
    assert path.read_text() == "My notes. " * 100
    path.unlink()
    Database.open(f"sqlite:///{path}").close()  # nothing holds it


def test_a_file_that_another_dashboard_uses_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton_ping_monitor.store.single._PATIENCE", 0.0)
    url = f"sqlite:///{tmp_path / 'a.db'}"
    database = Database.open(url)
    assert "is used by another dashboard" in refused(url)
    database.close()
    Database.open(url).close()


def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch(0o640)
    Database.open(f"sqlite:///{path}").close()
    assert mode(path) == 0o640
