"""A fact file, as JSON and as YAML. It is read, or refused with ConfigurationError, in bounded
time; what was read can be sent, and compared with a filter."""

from __future__ import annotations

import json

from baton.configuration import Configuration
from baton.errors import ConfigurationError
from baton.fact_file import read_fact_file
from baton.facts import Facts
from baton.message import decode_body, encode_body
from baton.server import identify
from baton.where import parse
from fuzz.files import written
from fuzz.oracle import check_message, no_stall
from fuzz.targets.configuration import check_server

WHERE = ("a", "a=1", "a<2", "a contains b", "a.b>=c", "cpus>4", "fqdn=web*")


def check(data: bytes) -> None:
    """Take *data* for the file."""
    for name in ("facts.json", "facts.yaml"):
        path = written(name, data)
        with no_stall():
            try:
                facts = read_fact_file(path)
            except ConfigurationError as error:
                check_message(str(error))
                continue
            json.dumps(facts, allow_nan=False)
            try:
                server, _ = identify(Configuration(), Facts(facts, dict.fromkeys(facts, str(path))))
            except ConfigurationError as error:
                check_message(str(error))
                continue
            check_server(server)
            for each in WHERE:
                parse([each]).matches(server)
            sent = encode_body({"type": "facts", "facts": facts})
            decode_body(sent)
