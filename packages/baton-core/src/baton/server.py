"""The server that a service runs on: who it is, and what is known of it."""

from __future__ import annotations

import json
import os
import platform
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from baton.errors import ConfigurationError
from baton.text import shorten

if TYPE_CHECKING:
    from baton.configuration import Configuration

DEFAULT_ENVIRONMENT: Final = "development"
EVERYONE: Final = "*"
"""The routing key that every server listens on. The exchange is direct: no wildcard, a name."""


@dataclass(frozen=True)
class Server:
    """A server: its fully qualified name, its environment, its applications, and its facts.

    >>> server = Server("web01.example.org", "Production", ("shop",))
    >>> server.routing_keys
    ('production', 'web01.example.org', '*', 'shop.production')
    >>> server.attributes
    {'environment': 'production', 'fqdn': 'web01.example.org', 'app_names': ['shop']}
    """

    fqdn: str = ""
    environment: str = DEFAULT_ENVIRONMENT
    app_names: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "environment", self.environment.lower())
        object.__setattr__(self, "app_names", tuple(self.app_names))

    @classmethod
    def detect(cls, configuration: Configuration) -> Server:
        """This server, from the settings, then the fact files, then what the system tells.

        Raises ConfigurationError for a fact file that cannot be read.
        """
        built_in = built_in_facts()
        facts = {**built_in, **read_facts(configuration.facts)}
        return cls(
            fqdn=configuration.fqdn or _text(facts.get("fqdn")) or _text(built_in["fqdn"]),
            environment=configuration.environment
            or _text(facts.get("chef_environment"))
            or _text(facts.get("environment"))
            or DEFAULT_ENVIRONMENT,
            app_names=configuration.app_names
            or _names(facts.get("trebuchet"))
            or _names(facts.get("app_names")),
            facts=facts,
        )

    @property
    def routing_keys(self) -> tuple[str, ...]:
        """Every key that reaches this server: environment, fqdn, ``*``, ``<app>.<environment>``."""
        keys = (
            self.environment,
            self.fqdn,
            EVERYONE,
            *(f"{app}.{self.environment}" for app in self.app_names),
        )
        return tuple(dict.fromkeys(key for key in keys if key))

    @property
    def attributes(self) -> dict[str, Any]:
        """What an answer says of the server, in the order in which the original says it."""
        return {
            "environment": self.environment,
            "fqdn": self.fqdn,
            "app_names": list(self.app_names),
        }


def built_in_facts() -> dict[str, Any]:
    """What the system tells without asking anything beyond the standard library."""
    return {
        "fqdn": _own_name(),
        "hostname": socket.gethostname(),
        "platform": _platform(),
        "kernel": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "cpus": os.cpu_count() or 1,
        "memory": _memory(),
    }


def read_facts(paths: Iterable[Path]) -> dict[str, Any]:
    """The facts of several JSON or YAML files, a later one's before an earlier one's.

    Raises ConfigurationError for a file that cannot be read or that is not an object of facts.
    """
    facts: dict[str, Any] = {}
    for path in paths:
        facts.update(_read_fact_file(path))
    return facts


def _read_fact_file(path: Path) -> dict[str, Any]:
    kind = "JSON" if path.suffix == ".json" else "YAML"
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if kind == "JSON" else _parse(text)
    except OSError as error:
        raise ConfigurationError(f"FACTS: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"FACTS: {path} is not in UTF-8") from None
    except (ValueError, LookupError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"FACTS: {path} is not valid {kind}: {shorten(reason)}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(f"FACTS: {path} holds no facts: an object of them is allowed")
    return {str(key): value for key, value in content.items()}


def _parse(text: str) -> object:
    if text.lstrip().startswith("{"):
        # JSON by another name, perhaps: YAML is slow to read it, and splits surrogate pairs.
        with suppress(ValueError):
            return json.loads(text)
    import yaml  # noqa: PLC0415  (only where a fact file needs it)

    from baton.configuration_file import TypedLoader  # noqa: PLC0415

    try:
        return yaml.load(text, TypedLoader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, Mapping | list | tuple):
        return tuple(str(name) for name in value if isinstance(name, str | int) and str(name))
    return (value,) if isinstance(value, str) and value else ()


def _own_name() -> str:
    name = socket.getfqdn()
    return socket.gethostname() if name.startswith("localhost") else name


def _platform() -> str:
    try:
        return platform.freedesktop_os_release()["ID"]
    except OSError:
        return platform.system().lower()


def _memory() -> int | None:
    """Bytes of memory, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
