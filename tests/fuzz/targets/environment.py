"""Environment variables, one a line as NAME=VALUE without BATON_. They are taken, or refused with
ConfigurationError, which names the variable and has no secret."""

from __future__ import annotations

import os
from unittest.mock import patch

from baton.configuration import ENV_PREFIX, Configuration
from baton.errors import ConfigurationError
from fuzz.oracle import check_message, no_stall
from fuzz.targets.configuration import SECRET, check_configuration


def check(data: bytes) -> None:
    """Take *data* for the variables."""
    variables = {}
    for line in data.replace(b"\0", b"").split(b"\n"):
        name, _, value = line.partition(b"=")
        variables[ENV_PREFIX + os.fsdecode(name)] = os.fsdecode(value)
    with patch.dict(os.environ, variables, clear=True), no_stall():
        try:
            configuration = Configuration.load()
        except ConfigurationError as error:
            said = str(error)
            check_message(said)
            assert ENV_PREFIX in said
        else:
            said = check_configuration(configuration)
    is_kept = SECRET in data and SECRET.decode() in variables.get(f"{ENV_PREFIX}RABBIT_PASS", "")
    assert not (is_kept and data.count(SECRET) == 1 and SECRET.decode() in said), said
