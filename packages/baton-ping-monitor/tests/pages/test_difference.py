"""What became different between two runs."""

from __future__ import annotations

import pytest

from baton_ping_monitor.web.difference import Account, Change, difference


def account(times: dict[str, float], failed: tuple[str, ...] = ()) -> Account:
    return Account(times, frozenset(), dict.fromkeys(failed, "failed"))


def test_who_came_went_and_changed() -> None:
    before = account({"a": 0.010, "b": 0.050, "c": 0.004, "d": 0.001, "gone": 0.001})
    after = account({"a": 0.100, "b": 0.005, "c": 0.005, "d": 0.003, "new": 0.001}, ("d",))
    changes = difference(before, after)
    assert changes.appeared == ("new",)
    assert changes.vanished == ("gone",)
    assert changes.slower == (Change("a", 0.010, 0.100),)
    assert changes.faster == (Change("b", 0.050, 0.005),)
    assert changes.failed == ("d",)
    assert changes.unchanged == 2  # d is three times as slow, but by 2 ms


def test_the_greatest_change_comes_first() -> None:
    changes = difference(account({"a": 0.1, "b": 0.1}), account({"a": 0.3, "b": 0.9}))
    assert [change.fqdn for change in changes.slower] == ["b", "a"]
    assert changes.slower[0].factor == pytest.approx(9)
    assert Change("x", 0.0, 1.0).factor == float("inf")


def test_a_document_is_read() -> None:
    found = Account.of(
        {
            "replies": [
                {"fqdn": "a", "ms": 20},
                {"fqdn": "a", "ms": 4.0},
                {"fqdn": "b", "ms": None},
                {"fqdn": 7, "ms": 1},
                "nonsense",
            ],
            "missing": {"count": 1, "names": ["c", 5]},
            "errors": [{"fqdn": "d", "outcome": "failed", "class": "Bad"}],
        }
    )
    assert found == Account({"a": 0.004}, frozenset({"c"}), {"d": "Bad"})


@pytest.mark.parametrize("document", [{}, {"replies": None, "missing": None, "errors": "x"}])
def test_what_a_document_lacks_is_empty(document: dict[str, object]) -> None:
    assert Account.of(document) == account({})
