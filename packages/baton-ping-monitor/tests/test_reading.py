"""Where the dashboard's settings come from, and what they become."""

from __future__ import annotations

from pathlib import Path

import pytest

from baton import Configuration, ConfigurationError
from baton_ping_monitor.reading import read_settings
from baton_ping_monitor.settings import Settings


def test_the_defaults() -> None:
    assert read_settings(Configuration()) == Settings()


def test_options_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "monitor.cfg"
    file.write_text(
        "DASHBOARD_PORT: 1\nDASHBOARD_HOST: one\nPING_EVERY: 1\n"
        "EXTENSIONS: [baton-disk, ping]\nKEEP_HOURS: 52w\nPING_TARGETS: production,staging\n"
    )
    monkeypatch.setenv("BATON_DASHBOARD_PORT", "2")
    monkeypatch.setenv("BATON_DASHBOARD_HOST", "two")
    settings = read_settings(Configuration.load(file, dashboard_port=3))
    assert (settings.web.port, settings.web.host, settings.ping.every) == (3, "two", 1.0)
    assert settings.extensions == ("baton-ping", "baton-disk")
    assert settings.retention.hours == 52 * 7 * 86_400
    assert settings.ping.targets == ("production", "staging")


def test_an_error_names_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "monitor.cfg"
    file.write_text("MISSING_AFTER: none\n")
    monkeypatch.setenv("BATON_KEEP_HOURS", "0")
    with pytest.raises(ConfigurationError) as caught:
        read_settings(Configuration.load(file, ping_every="never"))
    assert str(caught.value) == (
        'option PING_EVERY "never" should be a number of seconds, or as 30m, 12h or 7d; '
        f'{file}: MISSING_AFTER "none" should be a valid integer; '
        'environment BATON_KEEP_HOURS "0" should be greater than or equal to 3600'
    )


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (
            {"ping_targets": "production"},
            "PING_TARGETS says whom to ping, but PING_EVERY (--ping-every) is not set",
        ),
        ({"ping_targets": (), "ping_every": 1}, "PING_TARGETS names nobody to ping"),
        (
            {"keep_outputs": "8d"},
            "KEEP_MINUTES should be at least as long as KEEP_OUTPUTS, which is 691200 s",
        ),
        (
            {"keep_hours": "1d"},
            "KEEP_HOURS should be at least as long as KEEP_MINUTES, which is 604800 s",
        ),
        ({"dashboard_prot": 1}, "DASHBOARD_PROT is no setting of the dashboard: DASHBOARD_PORT is"),
    ],
)
def test_keys_that_do_not_go_together(keys: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(Configuration(**keys))  # type: ignore[arg-type]
    assert str(caught.value) == says


def test_the_database_is_a_url_by_its_absolute_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    relative = read_settings(Configuration(database="sqlite:///monitor.db"))
    assert relative.database == f"sqlite:///{tmp_path}/monitor.db"
    for url in ("sqlite://", "postgresql+psycopg://u:p%40@db.example.org/monitor"):
        assert read_settings(Configuration(database=url)).database == url


def test_secrets_are_in_no_repr_and_no_error() -> None:
    keys = {"database": "hunter2:x", "alerts": "json://user:hunter2@example.org"}
    with pytest.raises(ConfigurationError, match=r"^DATABASE should be a URL of SQLAlchemy") as it:
        read_settings(Configuration(**keys))  # type: ignore[arg-type]
    assert "hunter2" not in str(it.value)
    with pytest.raises(ConfigurationError, match=r"^ALERTS: number 2 of 2 is no URL") as it:
        read_settings(Configuration(alerts=["json://x", "hunter2"]))
    assert "hunter2" not in str(it.value)
    settings = read_settings(
        Configuration(database="postgresql://u:hunter2@h/d", alerts=keys["alerts"])
    )
    assert settings.alerts.urls == (keys["alerts"],)
    assert "hunter2" not in repr(settings)


def test_secrets_may_be_in_files(tmp_path: Path) -> None:
    database, alerts = tmp_path / "database", tmp_path / "alerts"
    database.write_text("# of the fleet\npostgresql://u:p@h/file\n")
    alerts.write_text("json://one\n\n# two\nmailto://h?to=a,b\n")
    keys = {"database_file": database, "alerts_file": alerts}
    settings = read_settings(Configuration(**keys))  # type: ignore[arg-type]
    assert settings.database == "postgresql://u:p@h/file"
    assert settings.alerts.urls == ("json://one", "mailto://h?to=a,b")


@pytest.mark.parametrize(("key", "wins"), [("database", True), ("database_file", False)])
def test_of_a_secret_and_its_file_the_stronger_source_wins(
    key: str, wins: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = tmp_path / "database"
    stored.write_text("sqlite:////from/file.db\n")
    values = {"database": "sqlite:////given.db", "database_file": str(stored)}
    other = "database_file" if key == "database" else "database"
    config = tmp_path / "monitor.cfg"
    config.write_text(f"{other.upper()}: {values[other]}\n")
    monkeypatch.setenv(f"BATON_{key.upper()}", values[key])
    database = read_settings(Configuration.load(config)).database
    assert database == ("sqlite:////given.db" if wins else "sqlite:////from/file.db")
    both = read_settings(Configuration(**values))  # type: ignore[arg-type]
    assert both.database == "sqlite:////from/file.db"  # as with RABBIT_PASS_FILE


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\xff", "cannot be read: it is not in UTF-8"),
        (b"#" * 65_537, "cannot be read: it has more than 65,536 bytes"),
        (b"a\nb\n", "should hold one line, a URL"),
    ],
)
def test_a_file_that_cannot_be(content: bytes | None, says: str, tmp_path: Path) -> None:
    file = tmp_path / "database"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read_settings(Configuration(database_file=file))
    assert str(caught.value) == f"DATABASE_FILE: {file} {says}"
