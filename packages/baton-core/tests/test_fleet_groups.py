"""Whom a request asks, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from baton.errors import InvalidMessage
from baton.fleet import Amount, Batches, Expected, Request
from baton.fleet.groups import Plan, plan

NAMES = frozenset(f"web{number:02}.example.org" for number in range(10))


def planned(**options: Any) -> Plan:
    return plan(Request(message={"type": "ping"}, **{"targets": ("production",), **options}))


def test_without_a_limit_the_targets_are_asked_together() -> None:
    expected = Expected(names=NAMES)
    assert planned(expected=expected) == Plan((("production",),), expected)


def test_a_limit_chooses_among_the_expected_at_random() -> None:
    plans = [planned(expected=Expected(names=NAMES), limit=Amount(3)) for _ in range(50)]
    for each in plans:
        (group,) = each.groups
        assert len(set(group)) == 3
        assert each.expected == Expected(names=frozenset(group))
    assert {name for each in plans for name in each.groups[0]} == NAMES


def test_batches_ask_each_of_the_expected_once_in_order() -> None:
    each = planned(expected=Expected(names=NAMES), batches=Batches(Amount(4)))
    assert [len(group) for group in each.groups] == [4, 4, 2]
    assert [name for group in each.groups for name in group] == sorted(NAMES)
    assert each.expected == Expected(names=NAMES)


def test_batches_of_a_limited_number() -> None:
    each = planned(
        expected=Expected(names=NAMES), limit=Amount.parse("50%"), batches=Batches(Amount(3))
    )
    assert [len(group) for group in each.groups] == [3, 2]
    assert each.expected == Expected(names=frozenset(n for group in each.groups for n in group))


def test_servers_may_be_named_as_targets() -> None:
    names = ("b.example.org", "a.example.org")
    each = planned(targets=names, batches=Batches(Amount(1)))
    assert each == Plan((names[:1], names[1:]), None)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"targets": ("web01.example.org", "production")},
        {"targets": ("shop.production",)},
        {"targets": ("*",)},
        {"expected": Expected(number=10)},
        {"expected": Expected(number=10), "targets": ("web01.example.org",)},
        {"expected": Expected(names=frozenset())},
    ],
)
@pytest.mark.parametrize(
    ("what", "more"),
    [("limit", {"limit": Amount(1)}), ("batch", {"batches": Batches(Amount(1))})],
)
def test_the_names_have_to_be_known(
    options: dict[str, Any], what: str, more: dict[str, Any]
) -> None:
    with pytest.raises(InvalidMessage, match=f"A {what} needs the names of the servers: .*expect"):
        planned(**options, **more)
