"""The command that gives a service's user what it needs."""

from __future__ import annotations

import re
import shlex

from baton.doctor.permissions import Needs, set_permissions

PING = Needs("baton-ping", "baton_ping_in", "baton_ping_out")
DISK = Needs("baton-disk", "ours.in", "ours.out")


def patterns(command: str) -> list[str]:
    *_, configure, write, read = shlex.split(command)
    return [configure, write, read]


def test_what_it_permits() -> None:
    configure, write, read = patterns(set_permissions("baton", "web", [PING]))
    queue = "baton-ping.web01.example.org.0123"
    for name, permitted in {
        "baton_ping_in": (True, False, True),
        "baton_ping_in_dead": (True, True, True),
        "baton_ping_out": (True, True, False),
        queue: (True, True, True),
        f"my-{queue}": (False, False, False),
        "baton_ping_inn": (False, False, False),
    }.items():
        matched = [re.search(pattern, name) is not None for pattern in (configure, write, read)]
        assert tuple(matched) == permitted, name


def test_all_extensions_of_the_user_at_once() -> None:
    configure, _, _ = patterns(set_permissions("baton", "web", [PING, DISK]))
    assert re.search(configure, "baton_ping_in")
    assert re.search(configure, "ours.in")
    assert not re.search(configure, "ours_in")


def test_names_that_a_shell_would_take_apart() -> None:
    command = set_permissions("my vhost", "o'hara", [PING])
    assert shlex.split(command)[:5] == [
        "rabbitmqctl",
        "set_permissions",
        "-p",
        "my vhost",
        "o'hara",
    ]
