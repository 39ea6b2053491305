"""A broker's URL and a monitor's address. They are taken, or refused, without their password."""

from __future__ import annotations

from baton.broker_url import parse_endpoint, parse_url
from baton.configuration import Configuration
from baton.errors import ConfigurationError
from baton.fleet.fetch import Address
from fuzz.oracle import check_message, no_stall
from fuzz.targets.configuration import check_configuration


def check(data: bytes) -> None:
    """Take *data* for the URL."""
    text = data.decode("utf-8", "surrogateescape")
    with no_stall():
        _broker(text)
        _host(text)
        _monitor(text)


def _broker(text: str) -> None:
    try:
        parts = parse_url(text)
    except ValueError as error:
        check_message(str(error))
        return
    try:
        configuration = Configuration(rabbit_url=text)
    except ConfigurationError as error:
        said = str(error)
        check_message(said)
    else:
        said = check_configuration(configuration)
    password = parts.get("rabbit_pass", "")
    assert len(password) < 8 or text.count(password) > 1 or password not in said


def _host(text: str) -> None:
    try:
        endpoint = parse_endpoint(text)
    except ValueError as error:
        check_message(str(error))
        return
    assert parse_endpoint(str(endpoint)) == endpoint


def _monitor(text: str) -> None:
    try:
        address = Address.parse(text)
    except ConfigurationError as error:
        check_message(str(error))
        return
    assert address.authorization is None or address.authorization.isascii()
    again = Address.parse(str(address))
    assert (again.scheme, again.host, again.path) == (address.scheme, address.host, address.path)
