"""The conditions of a filter, one a line. They are understood, or refused with InvalidFilter; each
server compares itself with them in bounded time; and "not" turns an answer around."""

from __future__ import annotations

from baton.errors import InvalidFilter
from baton.server import Server
from baton.where import parse, parse_header
from fuzz.oracle import check_message, no_stall

SERVERS = (
    Server(),
    Server("web01.example.org", "production", ("shop", "blog"), {"cpus": 8, "memory": 2**40}),
    Server(
        "db01.example.org",
        "staging",
        facts={
            "a": {"b.c": {"d": 1}, "": 2, "e": None},
            "a.b": [1, 2.5, True, None, "x", ["y"], {"z": 1}],
            "version": "10.2.3-rc1",
            "load": 1e300,
            "huge": 10**4000,
            "text": "a" * 20_000,
            "list": list(range(2000)),
            "on": False,
            "İ": "ﬃ",
        },
    ),
)


def check(data: bytes) -> None:
    """Take *data* for conditions."""
    conditions = data.decode("utf-8", "surrogateescape").split("\n")
    with no_stall():
        try:
            where = parse(conditions)
        except InvalidFilter as error:
            check_message(str(error))
            return
        assert parse_header(conditions) == where
        answers = [where.matches(server) for server in SERVERS]
        assert [where.matches(server) for server in SERVERS] == answers
        for text in conditions:
            (condition,) = parse([text]).conditions
            turned = text.strip()[3:].lstrip() if condition.negated else f"not {text.strip()}"
            other = parse([turned])
            for server in SERVERS:
                assert other.matches(server) is not parse([text]).matches(server)
