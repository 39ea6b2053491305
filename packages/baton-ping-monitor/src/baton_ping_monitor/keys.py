"""The dashboard's own keys of the configuration: what each may be.

docs/dashboard.md lists them. A duration is a number of seconds, or a number and a unit: ``90``,
``30m``, ``12h``, ``7d``.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from baton.configuration import File, Secret, Text, quote, split
from baton.names import LONGEST, LONGEST_EXTENSION, LONGEST_INSTANCE, check_name
from baton_ping_monitor.settings import PingSettings, Retention, Settings, WebSettings

SECRETS: Final = frozenset({"alerts", "database"})
"""Keys whose values no error repeats."""

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION: Final = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*([smhdw]?)")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_HOUR: Final = 3600
_DECADE: Final = 315_360_000
_BEFORE_URL: Final = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")


def seconds(value: object) -> float:
    """A duration in seconds. Raises ValueError, which says what is allowed."""
    found = None
    if not isinstance(value, bool):
        found = _DURATION.fullmatch(str(value).strip().lower())
    if found is None:
        raise ValueError(f"{quote(value)} should be a number of seconds, or as 30m, 12h or 7d")
    return float(found[1]) * _UNITS[found[2]]


def split_urls(value: object) -> object:
    """A text with URLs as a list. A comma parts two only if the second begins behind it: URLs may
    have commas, too."""
    if not isinstance(value, str):
        return value
    if value.strip().startswith("["):
        try:
            return split(value)
        except ValueError:  # which repeats the secrets
            raise ValueError("is not a JSON list") from None
    return [url for url in _BEFORE_URL.split(value.strip().strip(",")) if url]


def _prefix(prefix: str) -> str:
    prefix = prefix.rstrip("/")
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(
            f"{quote(prefix)} should be a path that begins with /, of letters, digits and . _ ~ -"
        )
    return prefix


def _host(host: str) -> str:
    if not host or not host.isprintable() or " " in host or "/" in host:
        raise ValueError(f"{quote(host)} should be an address of this machine, without a port")
    return host


Host = Annotated[Text, AfterValidator(_host)]
Prefix = Annotated[Text, AfterValidator(_prefix)]
Duration = Annotated[float, BeforeValidator(seconds)]
Kept = Annotated[Duration, Field(ge=_HOUR, le=_DECADE)]
Key = Annotated[str, AfterValidator(lambda key: check_name(key, LONGEST))]
Keys = Annotated[tuple[Key, ...], BeforeValidator(split)]
Extension = Annotated[str, AfterValidator(lambda name: check_name(name, LONGEST_EXTENSION))]
Extensions = Annotated[tuple[Extension, ...], BeforeValidator(split)]
Instance = Annotated[str, AfterValidator(lambda name: check_name(name, LONGEST_INSTANCE))]
Urls = Annotated[tuple[SecretStr, ...], BeforeValidator(split_urls)]


class DashboardKeys(BaseModel):
    """Every key by its name in lower case, with its default."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True)

    # Where the pages are
    dashboard_host: Host = WebSettings().host
    dashboard_port: int = Field(WebSettings().port, ge=0, le=65535)
    dashboard_prefix: Prefix = WebSettings().prefix
    dashboard_users_file: File | None = None

    # What is collected
    instance: Instance | None = None
    extensions: Extensions = ()
    inventory: File | None = None
    ping_every: Annotated[Duration, Field(ge=0.1, le=86_400)] | None = None
    ping_targets: Keys = PingSettings().targets
    missing_after: int = Field(PingSettings().silent, ge=1, le=1000)
    facts_every: Annotated[Duration, Field(ge=10, le=_DECADE)] = PingSettings().facts_every

    # What is kept
    database: Secret | None = None
    database_file: File | None = None
    keep_outputs: Kept = Retention().outputs
    keep_minutes: Kept = Retention().minutes
    keep_hours: Kept = Retention().hours
    most_outputs: int = Field(Retention().most_outputs, ge=1000)
    most_runs: int = Field(Retention().most_runs, ge=1, le=100_000)

    # Whom to tell
    alerts: Urls = ()
    alerts_file: File | None = None
    alerts_dry_run: bool = Settings().alerts.dry_run
