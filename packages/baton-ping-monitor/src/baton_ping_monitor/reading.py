"""Reading the dashboard's settings: its own keys of the configuration."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from baton.configuration import explain
from baton.errors import ConfigurationError
from baton.files import read_regular
from baton.text import excerpt
from baton_ping_monitor.keys import SECRETS, DashboardKeys
from baton_ping_monitor.settings import (
    AlertSettings,
    PingSettings,
    Retention,
    Settings,
    WebSettings,
)

if TYPE_CHECKING:
    from baton.configuration import Configuration

_PREFIX: Final = "dashboard_"
_MOST: Final = 65_536
"""Bytes that a file with secrets may have."""
_STRENGTHS: Final = ("option ", "environment ")
"""How the origin of a key begins; the first wins over the others, and all over the rest."""


def read_settings(configuration: Configuration) -> Settings:
    """The dashboard's part of *configuration*, which has merged the command line, the environment
    and the file.

    Raises ConfigurationError, whose text names the source, the key, what is allowed and, unless it
    is a secret, the value.
    """
    origins = configuration.origins
    extras = configuration.model_extra or {}
    _refuse_unknown(extras, origins)
    values = {key: extras[key] for key in DashboardKeys.model_fields if key in extras}
    try:
        keys = DashboardKeys(**values)
    except ValidationError as error:
        raise ConfigurationError(explain(error, values, origins, SECRETS)) from None
    where = _Where(origins)
    _check(keys, where)
    return Settings(
        web=WebSettings(
            host=keys.dashboard_host,
            port=keys.dashboard_port,
            prefix=keys.dashboard_prefix,
            users_file=keys.dashboard_users_file,
        ),
        retention=Retention(
            outputs=keys.keep_outputs,
            minutes=keys.keep_minutes,
            hours=keys.keep_hours,
            most_outputs=keys.most_outputs,
            most_runs=keys.most_runs,
        ),
        ping=PingSettings(
            every=keys.ping_every,
            targets=keys.ping_targets,
            silent=keys.missing_after,
            facts_every=keys.facts_every,
        ),
        alerts=AlertSettings(urls=_alerts(keys, where), dry_run=keys.alerts_dry_run),
        database=_database(keys, where),
        extensions=tuple(dict.fromkeys((*Settings().extensions, *map(_full, keys.extensions)))),
        inventory=keys.inventory,
        instance=keys.instance,
    )


class _Where:
    """Where keys came from."""

    def __init__(self, origins: Mapping[str, str]) -> None:
        self._origins = origins

    def __call__(self, key: str) -> str:
        """The source and the key, as errors name them."""
        return self._origins.get(key, key.upper())

    def is_above(self, key: str, other: str) -> bool:
        """Whether *key* is from a source that wins over that of *other*."""
        return self._strength(key) < self._strength(other)

    def _strength(self, key: str) -> int:
        origin = self(key)
        for strength, beginning in enumerate(_STRENGTHS):
            if origin.startswith(beginning):
                return strength
        return len(_STRENGTHS)


def _refuse_unknown(extras: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    for key in extras:
        if key.startswith(_PREFIX) and key not in DashboardKeys.model_fields:
            names = [name for name in DashboardKeys.model_fields if name.startswith(_PREFIX)]
            close = difflib.get_close_matches(key, names, n=1) or names
            meant = " or ".join(name.upper() for name in close)
            where = excerpt(origins.get(key, key.upper()))
            raise ConfigurationError(f"{where} is no setting of the dashboard: {meant} is")


def _check(keys: DashboardKeys, where: _Where) -> None:
    """Raise ConfigurationError for keys that do not go together."""
    if "ping_targets" in keys.model_fields_set and keys.ping_every is None:
        raise ConfigurationError(
            f"{where('ping_targets')} says whom to ping, but PING_EVERY (--ping-every) is not set"
        )
    if not keys.ping_targets:
        raise ConfigurationError(f"{where('ping_targets')} names nobody to ping")
    for longer, shorter in (("keep_minutes", "keep_outputs"), ("keep_hours", "keep_minutes")):
        if getattr(keys, longer) < getattr(keys, shorter):
            raise ConfigurationError(
                f"{where(longer)} should be at least as long as {shorter.upper()}, which is "
                f"{getattr(keys, shorter):g} s"
            )


def _full(extension: str) -> str:
    """The full name: ``ping`` and ``baton-ping`` mean the same, where it is installed."""
    from baton.extension import find_extension  # noqa: PLC0415

    return find_extension(extension).name


def _database(keys: DashboardKeys, where: _Where) -> str | None:
    url = None if keys.database is None else keys.database.get_secret_value()
    key = "database"
    if keys.database_file is not None and (
        url is None or not where.is_above("database", "database_file")
    ):
        lines = _lines(keys.database_file, where("database_file"))
        if len(lines) != 1:
            raise ConfigurationError(
                f"{where('database_file')}: {keys.database_file} should hold one line, a URL"
            )
        url, key = lines[0], "database_file"
    return None if url is None else _checked(url, where(key))


def _checked(url: str, where: str) -> str:
    """*url*, if it is one of SQLAlchemy; the file of SQLite by its absolute name, since a daemon
    works in another folder than the one it was started in."""
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # what they say repeats it
        raise ConfigurationError(
            f"{where} should be a URL of SQLAlchemy, as sqlite:////var/lib/baton/monitor.db or "
            "postgresql+psycopg://user:password@host/database"
        ) from None
    name = parsed.database
    if parsed.get_backend_name() == "sqlite" and name and not name.startswith((":", "file:")):
        return parsed.set(database=str(Path(name).absolute())).render_as_string(hide_password=False)
    return url


def _alerts(keys: DashboardKeys, where: _Where) -> tuple[str, ...]:
    urls = tuple(url.get_secret_value().strip() for url in keys.alerts)
    source = where("alerts")
    if keys.alerts_file is not None and (not urls or not where.is_above("alerts", "alerts_file")):
        source = where("alerts_file")
        urls = tuple(_lines(keys.alerts_file, source))
    for number, url in enumerate(urls, start=1):
        scheme, found, _ = url.partition("://")
        if not found or not scheme.isascii() or not url.isprintable() or " " in scheme:
            raise ConfigurationError(
                f"{source}: number {number} of {len(urls)} is no URL, as mailto://… or slack://…"
            )
    return urls


def _lines(file: Path, where: str) -> list[str]:
    """The lines of *file* that are neither empty nor comments."""
    try:
        text = read_regular(file, _MOST).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not in UTF-8"
        raise ConfigurationError(f"{where}: {file} cannot be read: {reason}") from None
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
