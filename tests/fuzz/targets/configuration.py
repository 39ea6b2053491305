"""A configuration file. It is read, or refused with ConfigurationError, in bounded time; and what
is said of it, or of what came of it, has no secret."""

from __future__ import annotations

import re

from baton.configuration import Configuration
from baton.errors import ConfigurationError
from baton.server import Server, identify
from baton.facts import Facts
from fuzz.files import written
from fuzz.oracle import check_message, no_stall

SECRET = re.compile(r"hunter2[0-9]*")


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
    assert SECRET.search(said) is None, said


def check_configuration(configuration: Configuration) -> str:
    """Use *configuration* as a service does; what can be said of it."""
    assert configuration.endpoints
    for endpoint in configuration.endpoints:
        assert endpoint.port is not None
        str(endpoint)
    configuration.read_password if configuration.rabbit_pass_file else configuration.read_password()
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
