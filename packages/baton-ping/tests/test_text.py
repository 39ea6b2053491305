"""What a line says of a pong."""

from __future__ import annotations

from typing import Any

import pytest

from baton import Message, Reply
from baton_ping.text import facts, place


def reply(**said: Any) -> Reply:
    return Reply(Message({"type": "pong", "fqdn": "web01", **said}), 0.01, "one")


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"environment": "production", "app_names": ["shop", "blog"]}, "production shop blog"),
        ({"environment": "production", "app_names": None}, "production"),
        ({"app_names": [7, {}]}, "7 {}"),
        ({}, ""),
    ],
)
def test_the_place_of_a_server(said: dict[str, Any], line: str) -> None:
    assert place(reply(**said)) == line


def test_a_place_is_no_longer_than_a_line() -> None:
    assert len(place(reply(environment="x" * 1000, app_names=["y"] * 10_000))) == 200


def test_facts() -> None:
    said = {"cpus": 8, "platform": "debian", "memory": {"total": 1}, "n" * 30: [], "empty": ""}
    assert list(facts(reply(facts=said))) == [
        "  cpus                      8",
        "  platform                  debian",
        '  memory                    {"total":1}',
        f"  {'n' * 30}  []",
        '  empty                     ""',
    ]


@pytest.mark.parametrize("said", [None, [], "x", {}])
def test_no_facts(said: object) -> None:
    assert list(facts(reply(facts=said))) == []


def test_facts_act_on_no_terminal() -> None:
    lines = list(facts(reply(facts={"x\x1b[2J": "y\x1b[2J", "z": ["\u202e"]})))
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 2


def test_a_flood_of_facts_has_an_end() -> None:
    assert len(list(facts(reply(facts=dict.fromkeys(map(str, range(50_000))))))) == 10_000


def test_a_fact_that_is_nested_too_deeply() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert list(facts(reply(facts={"x": nested}))) == ["  x  (nested too deeply)"]
