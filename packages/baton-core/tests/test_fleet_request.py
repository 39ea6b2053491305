"""What is asked of a fleet: values that are checked when they are made."""

from __future__ import annotations

import math
from typing import Any

import pytest

from baton.errors import InvalidMessage
from baton.fleet import Amount, Batches, Expected, Request

PING = {"type": "ping"}


def request(**options: Any) -> Request:
    return Request(message=PING, **{"targets": ("production",), **options})


@pytest.mark.parametrize(
    ("text", "total", "number"),
    [
        ("20", 250, 20),
        ("20", 7, 7),
        ("1", 0, 0),
        ("10%", 250, 25),
        ("10%", 3, 1),
        ("7%", 100, 7),
        ("0.1%", 1000, 1),
        ("33.3%", 10, 4),
        ("100%", 10, 10),
        ("50%", 0, 0),
        ("0.000001%", 10, 1),
    ],
)
def test_an_amount_of_so_many(text: str, total: int, number: int) -> None:
    assert Amount.parse(text).of(total) == number


@pytest.mark.parametrize("text", ["20", "1", "10%", "0.5%", "33.333333%"])
def test_an_amount_reads_as_it_was_written(text: str) -> None:
    assert str(Amount.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "1.5", "1e3", "٣", "nan", "0%", "101%", "-5%", "nan%", "%", "10 %", "x"]
)
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(InvalidMessage, match="amount of servers"):
        Amount.parse(text)


@pytest.mark.parametrize("value", [0, -1, 1.5, math.nan, math.inf, True, "3", None, 10**400])
def test_what_is_no_number_of_servers(value: Any) -> None:
    with pytest.raises(InvalidMessage, match="a whole number above 0"):
        Amount(value)


@pytest.mark.parametrize("value", [0, -1, 100.5, -(10**400), math.nan, math.inf, True])
def test_what_is_no_share_of_servers(value: Any) -> None:
    with pytest.raises(InvalidMessage, match="more than 0% and at most 100%"):
        Amount(value, is_share=True)


@pytest.mark.parametrize("wait", [-1, math.nan, math.inf, True, "1", 604_801])
def test_what_is_no_wait_between_batches(wait: Any) -> None:
    with pytest.raises(InvalidMessage, match="The wait between two batches is 0 to 604,800 s"):
        Batches(Amount(1), wait=wait)


@pytest.mark.parametrize("failures", [-1, 1.0, True, "1"])
def test_what_is_no_number_of_failures(failures: Any) -> None:
    with pytest.raises(InvalidMessage, match="failures that are allowed is a whole number from 0"):
        Batches(Amount(1), max_failures=failures)


def test_the_expected_are_counted() -> None:
    assert Expected(number=3).count == 3
    assert Expected(names=frozenset({"a", "b"})).count == 2
    assert Expected(names=["a", "a"]).names == frozenset({"a"})  # type: ignore[arg-type]
    assert Expected(names="web01").names == frozenset({"web01"})  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [-1, 1.5, True, "3", math.nan, 10**9])
def test_what_is_no_number_of_expected_servers(number: Any) -> None:
    with pytest.raises(InvalidMessage, match="expected servers is a whole number from 0"):
        Expected(number=number)


@pytest.mark.parametrize("name", ["", "x" * 161, "a\nb", "\udce4"])
def test_what_is_no_name_of_a_server(name: str) -> None:
    with pytest.raises(InvalidMessage, match="The name of an expected server"):
        Expected(names=frozenset({name}))


@pytest.mark.parametrize("names", [3, [3], [None]])
def test_names_are_strings(names: Any) -> None:
    with pytest.raises(InvalidMessage, match="are strings"):
        Expected(names=names)


def test_one_target_and_one_condition_may_be_strings() -> None:
    one = request(targets="production", where="cpus>=8")
    assert (one.targets, one.where) == (("production",), ("cpus>=8",))
    assert request(targets=["a", "b", "a"]).targets == ("a", "b")


@pytest.mark.parametrize("targets", [(), [], 3, [3]])
def test_what_is_no_target(targets: Any) -> None:
    with pytest.raises(InvalidMessage, match=r"target|Targets"):
        request(targets=targets)


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "1", 604_801])
@pytest.mark.parametrize(("field", "name"), [("timeout", "timeout"), ("expires", "expiry")])
def test_what_is_no_time(field: str, name: str, value: Any) -> None:
    with pytest.raises(InvalidMessage, match=f"The {name} is more than 0 to 604,800 s, not"):
        request(**{field: value})


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, True, "1", 3601])
def test_what_is_no_splay(value: Any) -> None:
    with pytest.raises(InvalidMessage, match="The splay is 0 to 3,600 s, not"):
        request(splay=value)


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, 2),
        ({"expected": Expected(number=1000)}, 3),
        ({"expected": Expected(number=1000), "splay": 10}, 13),
        ({"expected": Expected(number=1000), "splay": 10, "timeout": 0.5}, 0.5),
    ],
)
def test_the_patience_grows_with_the_fleet(options: dict[str, Any], seconds: float) -> None:
    assert request(**options).patience == pytest.approx(seconds)


@pytest.mark.parametrize("message", [None, [], "ping", {}, {"type": 1}])
def test_what_is_no_message(message: Any) -> None:
    with pytest.raises(InvalidMessage, match="A command is a JSON object with a type"):
        Request(message=message, targets=("production",))


def test_what_is_no_batches() -> None:
    with pytest.raises(InvalidMessage, match='The size of a batch is of the type Amount, not "10"'):
        Batches(10)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["expected", "limit", "batches"])
@pytest.mark.parametrize("value", [5, "10%", {"a.example.org"}])
def test_an_option_of_another_type_is_refused(name: str, value: Any) -> None:
    allowed = r"is of the type (Expected|Amount|Batches) \| None, not"
    with pytest.raises(InvalidMessage, match=allowed):
        request(**{name: value})


def test_a_number_of_any_size_is_refused_with_a_message() -> None:
    with pytest.raises(InvalidMessage, match="a number with very many digits"):
        request(timeout=10**5000)


def test_the_patience_has_an_end() -> None:
    assert request(expected=Expected(number=999_999_999)).patience == 604_800
