"""Several services of one name."""

from __future__ import annotations

import pytest

from baton_ping_monitor.fleet.instances import Instances


def heard(text: str) -> Instances:
    instances = Instances()
    for second, instance in enumerate(text):
        instances.heard(instance.strip(), float(second))
    return instances


@pytest.mark.parametrize(
    ("text", "number"), [("", 1), ("aaa", 1), ("ab", 1), ("aabbb", 1), ("aba", 2), ("abcabc", 3)]
)
def test_only_one_that_comes_back_is_another(text: str, number: int) -> None:
    assert heard(text).count(10.0) == number


def test_one_without_an_id_is_nobody() -> None:
    assert heard("a a").count(10.0) == 1


def test_what_was_heard_long_ago_does_not_count() -> None:
    assert heard("abab").count(1000.0) == 1


def test_its_memory_is_bounded() -> None:
    instances = Instances()
    for number in range(1000):
        instances.heard(f"{number % 100}", float(number))
    assert instances.count(1000.0) <= 9
