"""Registering a consumer in the source of a service."""

from __future__ import annotations

import pytest

from baton_template.naming import Refused
from baton_template.registration import Registration

SOURCE = '''\
"""A service."""

from baton.service import Service

from baton_x.consumer import XConsumer  # the first


class Other:
    pass


class XService(Service):
    def setup_consumers(self) -> None:
        self.add_consumer(XConsumer("x", self.server))
        if self.configuration.colour:
            self.add_consumer(
                XConsumer("y", self.server)
            )

    def more(self) -> None: ...
'''


def registered(name: str, source: str = SOURCE) -> str:
    cls = f"{name.capitalize()}Consumer"
    return Registration(f"baton_x.{name}_consumer", cls, name).apply(source)[0]


def added(source: str) -> list[str]:
    """The lines of *source* that were not in the first one."""
    old = SOURCE.splitlines()
    return [line for line in source.splitlines() if line not in old]


def test_two_lines_are_added_and_none_is_changed() -> None:
    source = registered("restart")
    assert added(source) == [
        "from baton_x.restart_consumer import RestartConsumer",
        '        self.add_consumer(RestartConsumer("restart", self.server))',
    ]
    assert [line for line in source.splitlines() if line not in added(source)] == (
        SOURCE.splitlines()
    )


def test_the_name_of_the_class() -> None:
    assert Registration("baton_x.a_consumer", "AConsumer", "a").apply(SOURCE)[1] == "XService"


def test_it_is_added_last() -> None:
    lines = registered("restart").splitlines()
    place = lines.index('        self.add_consumer(RestartConsumer("restart", self.server))')
    assert lines[place - 1 : place + 2 : 2] == ["            )", ""]


def test_imports_are_in_order() -> None:
    source = SOURCE
    for name in ("restart", "disk10", "disk2", "alpha"):
        source = registered(name, source)
    imports = [line.split()[1] for line in source.splitlines() if line.startswith("from baton_x")]
    assert imports == [
        "baton_x.alpha_consumer",
        "baton_x.consumer",
        "baton_x.disk2_consumer",
        "baton_x.disk10_consumer",
        "baton_x.restart_consumer",
    ]


def test_long_names_are_wrapped() -> None:
    source = registered("a" * 30)
    compile(source, "service.py", "exec")
    assert max(map(len, source.splitlines())) <= 100


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("class X(:", "line 1 is no Python"),
        ("", "there is no class with a method setup_consumers"),
        ("class X:\n    pass\n", "there is no class with a method setup_consumers"),
        ("class X:\n    def setup_consumers(self): ...\n", "it imports nothing"),
        (registered("restart"), "RestartConsumer is there already"),
    ],
)
def test_what_is_no_service(source: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        registered("restart", source)
