"""The server that a service runs on: who it is, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from baton.errors import ConfigurationError
from baton.facts import BUILT_IN, Facts, own_name
from baton.names import LONGEST_APP, LONGEST_ENVIRONMENT, LONGEST_FQDN, check_name

if TYPE_CHECKING:
    from baton.configuration import Configuration

Value = TypeVar("Value")

DEFAULT_ENVIRONMENT: Final = "development"
DEFAULT: Final = "default"
"""The source of what neither a setting nor a fact tells."""
EVERYONE: Final = "*"
"""The routing key that every server listens on. The exchange is direct: no wildcard, a name."""


@dataclass(frozen=True)
class Server:
    """A server: its fully qualified name, its environment, its applications, and its facts.

    It may be what another server says of itself: only of this one are the names checked.

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

        Raises ConfigurationError for a fact file that cannot be read, and for a name that cannot
        be used, with where it came from.
        """
        return identify(configuration, Facts.gather(configuration))[0]

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


def identify(configuration: Configuration, facts: Facts) -> tuple[Server, dict[str, str]]:
    """The server of which *configuration* and *facts* tell, and where its ``fqdn``,
    ``environment`` and ``app_names`` came from.

    Raises ConfigurationError for a name that cannot be used, with where it came from.
    """

    def first(setting: str, read: Callable[[object], Value], *names: str) -> tuple[Value, str]:
        """What the setting says, else the first of the facts *names* that says something."""
        if getattr(configuration, setting):
            origin = configuration.origins.get(setting, setting.upper())
            return getattr(configuration, setting), origin
        for name in names:
            if value := read(facts.values.get(name)):
                source = facts.sources[name]
                return value, source if source == BUILT_IN else f"{source}: {name}"
        return read(None), DEFAULT

    fqdn = first("fqdn", _text, "fqdn")
    environment = first("environment", _text, "chef_environment", "environment")
    app_names = first("app_names", _names, "trebuchet", "app_names")
    if not fqdn[0]:  # a file has a fact of that name, and it is none
        fqdn = own_name(), BUILT_IN
    origins = {"fqdn": fqdn[1], "environment": environment[1], "app_names": app_names[1]}
    server = Server(fqdn[0], environment[0] or DEFAULT_ENVIRONMENT, app_names[0], facts.values)
    _check_names(server, origins)
    return server, origins


def _check_names(server: Server, origins: Mapping[str, str]) -> None:
    names = [
        ("fqdn", server.fqdn, LONGEST_FQDN),
        ("environment", server.environment, LONGEST_ENVIRONMENT),
        *(("app_names", app, LONGEST_APP) for app in server.app_names),
    ]
    for what, name, longest in names:
        try:
            check_name(name, longest)
        except ValueError as error:
            origin = origins[what]
            where = f"{what} ({BUILT_IN})" if origin == BUILT_IN else origin
            raise ConfigurationError(f"{where} {error}") from None


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, Mapping | list | tuple):
        return tuple(map(str, filter(_is_name, value)))
    return (value,) if isinstance(value, str) and value else ()


def _is_name(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""
