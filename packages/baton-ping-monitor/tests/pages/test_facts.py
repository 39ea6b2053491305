"""Facts as a tree."""

from __future__ import annotations

from typing import Any

from baton_ping_monitor.web.facts import Fact, fact_tree


def count(facts: tuple[Fact, ...]) -> int:
    return sum(1 + count(fact.parts) for fact in facts)


def test_values_are_readable() -> None:
    found = fact_tree({"a": True, "b": None, "c": 1.5, "d": [], "e": {}, "f": "text"})
    assert [(fact.name, fact.text) for fact in found] == [
        ("a", "yes"),
        ("b", "–"),
        ("c", "1.5"),
        ("d", "none"),
        ("e", "{}"),
        ("f", "text"),
    ]


def test_lists_of_objects_are_numbered() -> None:
    (disks,) = fact_tree({"disks": [{"name": "sda"}, {"name": "sdb"}]})
    assert [(part.name, part.parts[0].text) for part in disks.parts] == [
        ("1", "sda"),
        ("2", "sdb"),
    ]


def test_it_is_bounded_in_depth_and_number() -> None:
    deep: dict[str, Any] = {"end": 1}
    for _ in range(100):
        deep = {"x": deep}
    assert count(fact_tree(deep)) == 6
    assert count(fact_tree({f"f{n}": {"a": 1} for n in range(5000)})) < 2100
    assert "there are more" in str(fact_tree({f"f{n}": 1 for n in range(5000)}))


def test_nothing_acts_on_a_page() -> None:
    (fact,) = fact_tree({"na\u202eme": "a\x1b[2J" + "x" * 9999})
    assert fact.name == "na�me"
    assert fact.text.startswith("a�[2J")
    assert len(fact.text) == 500
