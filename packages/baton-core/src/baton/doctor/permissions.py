"""The permissions that the user of a service needs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Needs:
    """The exchanges of an extension, and where the names of its queues begin."""

    extension: str
    exchange: str
    exchange_out: str


def set_permissions(vhost: str, user: str, needs: Iterable[Needs]) -> str:
    """The command that gives *user* what the services of these extensions need, and no more.

    It names all of them at once, since it takes away what the user had before.

    >>> set_permissions("baton", "web", [Needs("baton-ping", "baton_ping_in", "baton_ping_out")])
    ... # doctest: +NORMALIZE_WHITESPACE
    "rabbitmqctl set_permissions -p baton web
     '^(baton_ping_in(_dead)?|baton_ping_out|baton-ping\\\\..*)$'
     '^(baton_ping_in_dead|baton_ping_out|baton-ping\\\\..*)$'
     '^(baton_ping_in(_dead)?|baton-ping\\\\..*)$'"
    """
    needs = list(needs)
    configure, write, read = [], [], []
    for each in needs:
        queues = f"{_escape(each.extension)}\\..*"
        exchange, exchange_out = _escape(each.exchange), _escape(each.exchange_out)
        # Those of durable consumers, if it has some, are beside the others.
        dead = f"{exchange}_dead"
        configure += [f"{exchange}(_dead)?", exchange_out, queues]
        write += [dead, exchange_out, queues]
        read += [f"{exchange}(_dead)?", queues]
    patterns = [shlex.quote(f"^({'|'.join(names)})$") for names in (configure, write, read)]
    return " ".join(
        ["rabbitmqctl set_permissions -p", shlex.quote(vhost), shlex.quote(user), *patterns]
    )


def _escape(name: str) -> str:
    return re.escape(name).replace("\\-", "-")
