"""Configuration: one frozen object, merged from options, environment, file and defaults.

First wins: keywords and command-line options, environment variables ``BATON_*``, the YAML file,
what :func:`configure` set, defaults. docs/configuration.md lists every key.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    StringConstraints,
    ValidationError,
)

from baton.broker_url import DEFAULT_PORTS, Endpoint, parse_endpoint, parse_url
from baton.errors import ConfigurationError
from baton.files import read_regular
from baton.names import (
    LONGEST,
    LONGEST_APP,
    LONGEST_ENVIRONMENT,
    LONGEST_FQDN,
    check_name,
)
from baton.text import ECHO_LIMIT, excerpt

logger = logging.getLogger(__name__)

ENV_PREFIX: Final = "BATON_"
_LONGEST_PATH: Final = 4096
"""Bytes: Linux's PATH_MAX."""
_SECRETS: Final = frozenset({"rabbit_pass", "rabbit_url"})
_defaults: dict[str, Any] = {}


def configure(**settings: Any) -> None:
    """Set defaults for this process, below the file: for the original's users.

    ``host``, ``port``, ``vhost``, ``user``, ``password`` and ``heartbeat`` stand for the
    ``RABBIT_`` keys; any other key has its own name in lower case. Each call replaces what the
    one before set; None is not set. Raises ConfigurationError for a wrong value.
    """
    named, origins = {}, {}
    for key, value in settings.items():
        if value is not None:
            name = _SEED_NAMES.get(key, key)
            named[name], origins[name] = value, f"baton.configure: {key}"
    Configuration(_origins=origins, _partial=True, **named)
    _defaults.clear()
    _defaults.update(named)


_SEED_NAMES: Final = {
    "host": "rabbit_host",
    "port": "rabbit_port",
    "vhost": "rabbit_vhost",
    "user": "rabbit_user",
    "password": "rabbit_pass",
    "heartbeat": "rabbit_heartbeat",
    "url": "rabbit_url",
}


def split(value: object) -> object:
    """A text that is a JSON list, or separated by commas, as a list; anything else as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f'"{excerpt(text)}" is not a JSON list: {error}') from None
    return [part.strip() for part in text.split(",") if part.strip()]


def _split_hosts(value: object) -> object:
    if isinstance(value, str) and ("@" in value or "://" in value):
        raise ValueError("takes hosts alone, as host or host:port: a URL belongs in RABBIT_URL")
    # "[::1]:5672" begins like a JSON list, but is a host.
    hosts = value.split(",") if isinstance(value, str) and '"' not in value else split(value)
    if not isinstance(hosts, list | tuple):
        return hosts
    if not hosts:
        raise ValueError("names no host: one or more are allowed, as host or host:port")
    return tuple(
        host if isinstance(host, Endpoint) else parse_endpoint(str(host).strip()) for host in hosts
    )


def _named(longest: int) -> AfterValidator:
    """A name of which keys and queues are made; an empty one is not set."""
    return AfterValidator(lambda name: name and check_name(name, longest))


def _absolute(path: Path) -> Path:
    try:
        name = os.fsencode(path)
    except UnicodeEncodeError:
        name = b"\0"
    if b"\0" in name or len(name) > _LONGEST_PATH:
        raise ValueError(
            f"{quote(path)} is no path: it is too long, or has a character that none can have"
        )
    return path.absolute()


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8") from None  # without the text: it may be a password
    return text


def _secret(secret: SecretStr) -> SecretStr:
    _text(secret.get_secret_value())
    return secret


File = Annotated[Path, AfterValidator(_absolute)]
"""Absolute at once: a daemon works in another folder than the one it was started in."""
Text = Annotated[str, AfterValidator(_text)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
App = Annotated[str, AfterValidator(lambda name: check_name(name, LONGEST_APP))]
Apps = Annotated[tuple[App, ...], BeforeValidator(split)]
Files = Annotated[tuple[File, ...], BeforeValidator(split)]
Hosts = Annotated[tuple[Endpoint, ...], BeforeValidator(_split_hosts)]
LowerCase = StringConstraints(strip_whitespace=True, to_lower=True)
Environment = Annotated[str, LowerCase, _named(LONGEST_ENVIRONMENT)]
Fqdn = Annotated[str, _named(LONGEST_FQDN)]
Whole = Annotated[str, _named(LONGEST)]


class Configuration(BaseModel):
    """Everything that can be set, by its name in lower case.

    A constructor call reads nothing from outside; :meth:`load` merges all the sources. A key that
    is not one of Baton's is readable too, in lower case; one that nobody set is None.

    >>> configuration = Configuration(rabbit_host="mq1,mq2:5673", colour="blue")
    >>> [str(endpoint) for endpoint in configuration.endpoints]
    ['mq1:5672', 'mq2:5673']
    >>> configuration.colour, configuration.unheard_of
    ('blue', None)
    """

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
    )

    # How to reach the broker
    rabbit_scheme: Literal["amqp", "amqps", "memory"] = "amqp"
    rabbit_host: Hosts = (Endpoint("localhost"),)
    rabbit_port: int | None = Field(None, ge=1, le=65535)
    rabbit_vhost: Text = "/"
    rabbit_auth: Literal["plain", "external"] = "plain"
    rabbit_user: Text = "guest"
    rabbit_pass: Secret = SecretStr("guest")
    rabbit_pass_file: File | None = None
    rabbit_heartbeat: int = Field(10, ge=0, le=65535)
    rabbit_tls_ca_file: File | None = None
    rabbit_tls_cert_file: File | None = None
    rabbit_tls_key_file: File | None = None
    rabbit_tls_server_name: Text | None = None
    rabbit_user_id: bool = True

    # The exchanges
    exchange: Whole | None = None
    exchange_out: Whole | None = None
    interop: bool = False
    cluster: bool = False

    # Who this server is
    environment: Environment | None = None
    fqdn: Fqdn | None = None
    app_names: Apps = ()
    facts: Files = ()

    # How a service works
    prefetch: int = Field(200, ge=1, le=65535)
    handler_timeout: float = Field(1800.0, gt=0, le=604_800)
    expires: float = Field(60.0, gt=0, le=604_800)
    outbox_messages: int = Field(20_000, ge=2)
    outbox_bytes: int = Field(64 * 1024 * 1024, ge=1024)
    grace: float = Field(10.0, ge=0, le=86_400)
    durable_queues: Literal["quorum", "classic"] = "quorum"
    event_loop: Literal["asyncio", "uvloop"] = "asyncio"
    durable_for: float = Field(1_209_600.0, ge=604_800, le=4_294_967)
    delivery_limit: int = Field(3, ge=1, le=50)

    # How the connection is kept
    pulse: float = Field(15.0, ge=0.1, le=86_400)
    deadline: float = Field(5.0, ge=0.1, le=3600)
    reconnect_max: float = Field(3.0, ge=0.1, le=3600)

    # Running as a daemon
    pid_file: File | None = None
    log_file: File | None = None
    audit_file: File | None = None

    # How those who watch over it see how it is
    health_host: Text = "127.0.0.1"
    health_port: int | None = Field(None, ge=1, le=65535)

    _path: Path | None = PrivateAttr(None)
    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)

    if not TYPE_CHECKING:  # whoever checks types sees the declared names alone

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                return super().__getattr__(name)
            return (self.__pydantic_extra__ or {}).get(name)

        def __setattr__(self, name: str, value: Any) -> None:
            if not name.startswith("_"):  # what pydantic raises repeats the value
                raise AttributeError(f"A Configuration is frozen: {name} cannot be set")
            super().__setattr__(name, value)

    def __init__(
        self,
        /,
        *,
        _path: Path | None = None,
        _origins: Mapping[str, str] | None = None,
        _partial: bool = False,
        **values: Any,
    ) -> None:
        origins = dict(_origins or {})
        values = _with_url(values, origins)
        _check_keys(values, origins)
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigurationError(explain(error, values, origins)) from None
        self._path = _path
        self._origins = origins
        if not _partial:
            self._check_authentication()

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Baton's own keys, whose secrets are masked. Of others nobody knows which are secret."""
        extras = self.__pydantic_extra__ or {}
        for name, value in super().__repr_args__():
            yield name, "**********" if name in extras else value

    @classmethod
    def load(
        cls, path: Path | str | None = None, *, extension: str | None = None, **options: Any
    ) -> Configuration:
        """Merge *options*, the environment, the file, :func:`configure` and the defaults.

        *path* is the YAML file; without one it is ``/etc/<extension>/<extension>.cfg``. A missing
        file is logged, and ``localhost`` is used. An option that is None is not set. Raises
        ConfigurationError, whose text names the file, the key and what is allowed.
        """
        file, content = _find_file(path, extension)
        layers = (
            ({key: value for key, value in options.items() if value is not None}, "option "),
            (_environment(), f"environment {ENV_PREFIX}"),
            (content, f"{file}: "),
            (_defaults, "baton.configure: "),
        )
        merged: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for values, prefix in layers:
            here = {key: f"{prefix}{key.upper()}" for key in values}
            values = _with_url(values, here)
            if "rabbit_pass" in merged:  # the file of a lower source would win over it
                values.pop("rabbit_pass_file", None)
            merged = values | merged
            origins = here | origins
        return cls(_path=file, _origins={key: origins[key] for key in merged}, **merged)

    @property
    def path(self) -> Path | None:
        """The file that was read, None if there was none."""
        return self._path

    @property
    def origins(self) -> Mapping[str, str]:
        """Where each key that was set came from, by its name in lower case."""
        return self._origins

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Each host of the pool with the port to use there."""
        default = self.rabbit_port or DEFAULT_PORTS[self.rabbit_scheme]
        return tuple(Endpoint(host, port or default) for host, port in self.rabbit_host)

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.rabbit_scheme == "amqps"

    @property
    def user_id(self) -> str | None:
        """The user that messages name as their sender, None if they name none: that is not wanted,
        or with ``external`` only the broker knows it."""
        is_known = self.rabbit_auth == "plain" or "rabbit_user" in self.model_fields_set
        return self.rabbit_user if self.rabbit_user_id and is_known else None

    def read_password(self) -> str:
        """The password, from ``RABBIT_PASS_FILE`` anew each time: it may have been rotated.

        Raises ConfigurationError if the file cannot be read.
        """
        if self.rabbit_pass_file is None:
            return self.rabbit_pass.get_secret_value()
        try:
            return read_regular(self.rabbit_pass_file).decode("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not in UTF-8"
            raise ConfigurationError(
                f"RABBIT_PASS_FILE: {self.rabbit_pass_file} cannot be read: {reason}"
            ) from None

    def _check_authentication(self) -> None:
        if self.rabbit_auth == "plain" or self.rabbit_scheme == "memory":
            return
        where = self._origins.get("rabbit_auth", "RABBIT_AUTH")
        if not self.tls:
            raise ConfigurationError(
                f'{where} "external" needs TLS: RABBIT_SCHEME should be "amqps"'
            )
        if self.rabbit_tls_cert_file is None:
            raise ConfigurationError(
                f'{where} "external" needs a client certificate: RABBIT_TLS_CERT_FILE is not set'
            )


_KEYS: Final = frozenset({*Configuration.model_fields, "rabbit_url"})
"""Baton's own."""


def default_path(extension: str) -> Path:
    """Where an extension's configuration is looked for."""
    return Path("/etc") / extension / f"{extension}.cfg"


def _find_file(
    path: Path | str | None, extension: str | None
) -> tuple[Path | None, dict[str, Any]]:
    if path is None and extension is None:
        return None, {}
    file = Path(path) if path is not None else default_path(str(extension))
    try:
        if not _is_missing(file):
            from baton.configuration_file import read_keys  # noqa: PLC0415  (YAML)

            return file, read_keys(file, _KEYS)
    except FileNotFoundError:
        pass  # it was there a moment ago
    # The original names it an error for a file that was asked for, and so do we.
    level = logging.INFO if path is None else logging.ERROR
    logger.log(level, "Could not find a baton configuration file at %s", file)
    return None, {}


def _is_missing(file: Path) -> bool:
    """Whether there is nothing to read, for which YAML need not be imported, which takes 20 ms."""
    try:
        file.stat()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        pass  # what is wrong, reading it tells
    return False


def _environment() -> dict[str, Any]:
    """The variables ``BATON_*`` that are not empty, by their names in lower case without it."""
    names = ((name.removeprefix(ENV_PREFIX).lower(), name) for name in os.environ)
    return {
        key: os.environ[name]
        for key, name in names
        if name.startswith(ENV_PREFIX) and os.environ[name] and not key.startswith("_")
    }


def _with_url(values: Mapping[str, Any], origins: dict[str, str]) -> dict[str, Any]:
    """*values* with their ``rabbit_url``, if they have one, taken apart: it wins over the parts.

    *origins* are changed accordingly.
    """
    values = dict(values)
    url = values.pop("rabbit_url", None)
    if url is None:
        return values
    origin = origins.pop("rabbit_url", "RABBIT_URL")
    try:
        parts = parse_url(str(url))
    except ValueError as error:
        raise ConfigurationError(f"{origin} {error}") from None
    if "rabbit_pass" in parts:
        values.pop("rabbit_pass_file", None)
    origins.update((key, f"{origin}, {key.removeprefix('rabbit_')}") for key in parts)
    return values | parts


def _check_keys(values: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    """Raise ConfigurationError for a key that pydantic does not take, and has no words for."""
    for key in values:
        try:
            key.encode()
        except UnicodeEncodeError:
            where = excerpt(origins.get(key, key.upper()))
            raise ConfigurationError(f"{where} is no key: it is not UTF-8") from None


def explain(
    error: ValidationError,
    values: Mapping[str, Any],
    origins: Mapping[str, str],
    secrets: Container[str] = _SECRETS,
) -> str:
    """One sentence a wrong key: where it came from, what it was unless it is one of the *secrets*,
    what is allowed. For keys that are a program's own, too."""
    sentences = []
    for detail in error.errors(include_input=False, include_url=False):
        key = str(detail["loc"][0])
        where = origins.get(key, key.upper())
        value = values.get(key)
        if detail["type"] == "value_error":  # ours, which quotes what it is about
            sentences.append(f"{where} {detail['msg'].removeprefix('Value error, ')}")
            continue
        shown = "" if key in secrets or value is None else f" {quote(value)}"
        rules = _RULES_OF_ITEMS if len(detail["loc"]) > 1 else _RULES
        rule = rules.get(detail["type"]) or detail["msg"].removeprefix("Input ")
        sentences.append(f"{where}{shown} {rule}")
    return "; ".join(dict.fromkeys(sentences))


def quote(value: object) -> str:
    """*value* in quotes, or in JSON if it is a list or an object."""
    try:
        if not isinstance(value, list | tuple | dict):
            return f'"{excerpt(str(value))}"'
        text = ""
        # Bit by bit: with anchors, a few lines of YAML say more than fits into memory.
        for part in _ENCODER.iterencode(value):
            text += part
            if len(text) > ECHO_LIMIT:
                break
        return excerpt(text)
    except (TypeError, ValueError, RecursionError):  # of many digits, within itself, or too deep
        return '"…"'


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, default=str)
_RULES: Final = {
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "float_parsing": "should be a valid number",
    "float_type": "should be a valid number",
    "int_from_float": "should be a valid integer",
    "int_parsing": "should be a valid integer",
    "int_parsing_size": "should be a valid integer",
    "int_type": "should be a valid integer",
    "path_type": "should be a path",
    "string_type": "should be a string",
    "string_unicode": "should be UTF-8",
    "tuple_type": "should be a list, in JSON or separated by commas",
}
"""What is allowed, where pydantic says it for programmers."""
_RULES_OF_ITEMS: Final = {
    "path_type": "should be a list of paths alone",
    "string_type": "should be a list of names alone",
}
"""What is allowed in a list."""
