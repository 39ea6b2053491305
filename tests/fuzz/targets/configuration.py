"""A configuration file. It is read, or refused with ConfigurationError, in bounded time; and what
is said of it, or of what came of it, has no secret."""

from __future__ import annotations

import re
from contextlib import suppress

import yaml

from baton.configuration import Configuration
from baton.errors import ConfigurationError
from baton.facts import Facts
from baton.server import Server, identify
from fuzz.files import written
from fuzz.oracle import no_stall

SECRET = b"hunter2"
_LINE = re.compile(rb"^RABBIT_PASS:[ \"'].*hunter2", re.MULTILINE)


def check(data: bytes) -> None:
    """Take *data* for the file."""
    path = written("baton.cfg", data)
    with no_stall():
        try:
            configuration = Configuration.load(path)
        except ConfigurationError as error:
            said = str(error)
        else:
            said = check_configuration(configuration)
    assert not (has_secret(data) and SECRET.decode() in said), said


def has_secret(data: bytes) -> bool:
    """Whether the password is where it belongs, and nowhere else."""
    if data.count(SECRET) != 1:
        return False
    try:
        with suppress(RecursionError, ValueError, LookupError, OverflowError):
            content = yaml.safe_load(data)
            found = content.get("RABBIT_PASS") if isinstance(content, dict) else None
            return isinstance(found, str) and SECRET.decode() in found
    except yaml.YAMLError:
        return _LINE.search(data) is not None
    return False


def check_configuration(configuration: Configuration) -> str:
    """Use *configuration* as a service does; what can be said of it."""
    assert configuration.endpoints
    for endpoint in configuration.endpoints:
        assert endpoint.port is not None
        str(endpoint)
    if configuration.rabbit_pass_file is None:
        configuration.read_password().encode()
    assert configuration.user_id is None or isinstance(configuration.user_id, str)
    said = repr(configuration)
    try:
        server, _ = identify(configuration, Facts({"fqdn": "web01"}, {"fqdn": "built-in"}))
    except ConfigurationError as error:
        said += str(error)
    else:
        check_server(server)
    return said


def check_server(server: Server) -> None:
    """Each of its keys fits into AMQP's short string."""
    for key in server.routing_keys:
        assert 1 <= len(key.encode()) <= 255, key
