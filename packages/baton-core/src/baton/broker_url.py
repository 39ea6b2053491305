"""Where a broker is: host lists and URLs, taken apart once for both client libraries.

The URL follows https://www.rabbitmq.com/docs/uri-spec, with a list of hosts allowed where it has
one: ``amqp://baton:secret@mq1.example.org,mq2.example.org:5673/vhost``.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from baton.text import excerpt

SCHEMES: Final = ("amqp", "amqps", "memory")
DEFAULT_PORTS: Final = {"amqp": 5672, "amqps": 5671, "memory": 0}
HIGHEST_PORT: Final = 65_535
_FORBIDDEN: Final = frozenset(' "#%/<>?@[\\]^`{|}')
_PORT: Final = re.compile(r"0*([0-9]{1,5})")


class Endpoint(NamedTuple):
    """A host, and its port where one was given.

    >>> str(Endpoint("mq1.example.org", 5672)), str(Endpoint("::1", 5672))
    ('mq1.example.org:5672', '[::1]:5672')
    """

    host: str
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """``host``, ``host:port``, ``[v6]`` or ``[v6]:port``; raises ValueError for anything else."""
    shown = excerpt(text)
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f'"{shown}" is no host: an IPv6 address stands in brackets')
        port = rest[1:] if rest else None
    elif text.count(":") > 1:
        raise ValueError(f'"{shown}" is no host: an IPv6 address stands in brackets')
    else:
        host, colon, after = text.partition(":")
        port = after if colon else None
    if not _is_host(host):
        raise ValueError(f'"{shown}" is no host: host or host:port is allowed')
    if port is None:
        return Endpoint(host)
    digits = _PORT.fullmatch(port)
    if digits is None or not 1 <= int(digits[1]) <= HIGHEST_PORT:
        raise ValueError(f'"{shown}" has no valid port: 1 to {HIGHEST_PORT} is allowed')
    return Endpoint(host, int(digits[1]))


def _is_host(host: str) -> bool:
    """Whether a resolver can be asked for it, and both client libraries take it."""
    try:
        if ":" in host:
            IPv6Address(host)
            return True
        host.encode("idna")
    except ValueError:
        return False
    return host != "" and host.isprintable() and _FORBIDDEN.isdisjoint(host)


def parse_url(url: str) -> dict[str, Any]:
    """Take *url* apart into the settings that it stands for, by their names in lower case.

    Raises ValueError, whose text never repeats the URL: there may be a password in it.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SCHEMES:
        allowed = ", ".join(f"{name}://" for name in SCHEMES)
        raise ValueError(f"is no broker's URL: it starts with one of {allowed}")
    # By hand: what urllib.parse raises for a malformed URL repeats its password.
    rest, _, query = rest.partition("?")
    authority, _, vhost = rest.partition("/")
    credentials, at, hosts = authority.rpartition("@")
    if "#" in url or "/" in vhost or "@" in f"{vhost}{query}":
        raise ValueError("is no broker's URL: in a user, password or vhost, / ? # @ are escaped")
    settings: dict[str, Any] = {"rabbit_scheme": scheme, "rabbit_port": None}
    settings["rabbit_host"] = _hosts(hosts or ("memory" if scheme == "memory" else "localhost"))
    if at:
        user, colon, password = credentials.partition(":")
        settings["rabbit_user"] = unquote(user)
        if colon:
            settings["rabbit_pass"] = unquote(password)
    if vhost:
        settings["rabbit_vhost"] = unquote(vhost)
    return settings | _query(query)


def _hosts(text: str) -> tuple[Endpoint, ...]:
    try:
        return tuple(parse_endpoint(host.strip()) for host in text.split(","))
    except ValueError:
        raise ValueError(
            "has no valid host: host, host:port or [IPv6]:port is allowed, "
            "after user:password@ if there is one"
        ) from None


def _query(query: str) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for item in filter(None, query.split("&")):
        name, _, value = item.partition("=")
        if name == "verify":
            _check_verify(value)
            continue
        if name not in _QUERY_KEYS:
            allowed = ", ".join([*_QUERY_KEYS, "verify"])
            raise ValueError(f"has an unknown parameter: {allowed} are allowed")
        settings[_QUERY_KEYS[name]] = unquote(value)
    return settings


def _check_verify(value: str) -> None:
    if value != "verify_peer":
        raise ValueError(
            "should have verify=verify_peer or none: a broker's certificate is always verified; "
            "cacertfile names whom to trust, server_name_indication for which host it is"
        )


_QUERY_KEYS: Final = {
    "heartbeat": "rabbit_heartbeat",
    "cacertfile": "rabbit_tls_ca_file",
    "certfile": "rabbit_tls_cert_file",
    "keyfile": "rabbit_tls_key_file",
    "server_name_indication": "rabbit_tls_server_name",
    "auth_mechanism": "rabbit_auth",
}
