"""The account of a command, in words."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from baton.cli.fleet.summary import complaints, hint, summary
from baton.fleet.result import Duplicate, Failure, Latency, Result

GOOD = Result(
    message_id="54912c6b2c079223842fdac4a314bf56",
    extension="baton-ping",
    type="ping",
    targets=("production",),
    sent=1_750_000_000.0,
    timeout=2.0,
    took=0.0321,
    answered=3,
    replies=3,
)


def said(width: int | None = None, **changes: Any) -> list[str]:
    result = dataclasses.replace(GOOD, **changes)
    return ["".join(span.text for span in line) for line in summary(result, width)]


def names(count: int) -> tuple[str, ...]:
    return tuple(f"web{number:02}" for number in range(count))


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "3 servers answered in 0.032 s"),
        ({"answered": 0, "replies": 0}, "0 servers answered"),
        ({"answered": 1}, "1 server answered in 0.032 s"),
        ({"answered": 1000, "took": 2.5}, "1,000 servers answered in 2.5 s"),
        ({"expected": 3}, "3 of 3 servers answered in 0.032 s"),
        ({"answered": 1, "expected": 1}, "1 of 1 server answered in 0.032 s"),
        ({"expected": 2}, "3 servers answered in 0.032 s, 2 were expected"),
        ({"expected": 1}, "3 servers answered in 0.032 s, 1 was expected"),
        (
            {"expected": 2, "unexpected": ("a", "b"), "missing_count": 1},
            "1 of 2 servers answered in 0.032 s, and 2 unexpected",
        ),
        (
            {"expected": 9, "missing_count": 3, "not_asked": ("a",), "late": ("b", "c")},
            "3 of 9 servers answered in 0.032 s",
        ),
        ({"interrupted": True}, "3 servers answered in 0.032 s, interrupted"),
    ],
)
def test_the_title(changes: dict[str, Any], title: str) -> None:
    assert said(**changes)[0] == title


def test_it_is_red_unless_all_is_well() -> None:
    (line,) = summary(GOOD)
    assert line[0].look == "strong"
    (line, *_) = summary(dataclasses.replace(GOOD, missing=("web01",), missing_count=1))
    assert line[0].look == "bad"


def test_times() -> None:
    latency = Latency(3, 0.0031, 0.0042, 0.004, 0.0051, 0.0052, 1.5)
    assert said(latency=latency)[1:] == [
        "round trip       min 3.1, avg 4.2, p50 4.0, p95 5.1, p99 5.2, max 1,500.0 ms"
    ]


def test_a_single_time() -> None:
    latency = Latency(1, 0.0042, 0.0042, 0.0042, 0.0042, 0.0042, 0.0042)
    assert said(latency=latency)[1:] == ["round trip       4.2 ms"]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"missing": ("web01", "web02"), "missing_count": 2}, "missing (2)      web01, web02"),
        ({"missing_count": 2}, "missing (2)      not known by name"),
        ({"late": ("web01",)}, "late (1)         web01"),
        ({"not_asked": ("web01",)}, "not asked (1)    web01"),
        ({"unexpected": ("web01",)}, "unexpected (1)   web01"),
        ({"originals": ("old",)}, "original (1)     old"),
        ({"duplicates": (Duplicate("web01", 2),)}, "duplicate (1)    web01 (2 services)"),
        ({"errors": (Failure("web01", "expired"),)}, "failed (1)       web01: expired"),
        (
            {"errors": (Failure("web01", "failed", "OSError", "disk full"),)},
            "failed (1)       web01: OSError: disk full",
        ),
        (
            {"errors": (Failure("web01", ""),)},
            "failed (1)       web01: an error without words",
        ),
        ({"originals": ("",)}, "original (1)     (no name)"),
    ],
)
def test_lists(changes: dict[str, Any], line: str) -> None:
    assert said(**changes)[1:] == [line]


def test_nothing_more_is_said_where_all_is_well() -> None:
    assert len(said()) == len(said(expected=3)) == 1


@pytest.mark.parametrize("kind", ["missing", "late", "not_asked", "unexpected", "originals"])
def test_a_long_list_is_shortened(kind: str) -> None:
    changes: dict[str, Any] = {kind: names(1000)}
    if kind == "missing":
        changes["missing_count"] = 1000
    line = said(**changes)[1]
    assert line.endswith("web18, web19, … and 980 more")
    assert "(1,000)" in line


def test_long_lists_of_other_things_are_shortened() -> None:
    duplicates = tuple(Duplicate(name, 2) for name in names(21))
    assert said(duplicates=duplicates)[1].endswith("web19 (2 services), … and 1 more")
    many = tuple(Failure("web01", "failed", "Error", str(number)) for number in range(25))
    lines = said(errors=many)[1:]
    assert len(lines) == 21
    assert lines[-1] == "                 … and 5 other reasons"


def test_the_same_error_is_said_once() -> None:
    errors = [Failure(name, "failed", "OSError", "disk full") for name in names(2)]
    errors.insert(1, Failure("db01", "expired"))
    assert said(errors=tuple(errors))[1:] == [
        "failed (3)       web00, web01: OSError: disk full",
        "                 db01: expired",
    ]


def test_names_are_wrapped_to_the_terminal() -> None:
    assert said(30, missing=names(3), missing_count=3)[1:] == [
        "missing (3)      web00, web01,",
        "                 web02",
    ]


def test_what_others_say_acts_on_no_terminal() -> None:
    text = "x\x1b[2J\n" + "y" * 1000
    lines = said(
        missing=(text,),
        missing_count=1,
        unexpected=(text,),
        duplicates=(Duplicate(text, 2),),
        errors=(Failure(text, "failed", text, text),),
        originals=(text,),
    )
    assert len(lines) == 6
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 600


def test_complaints() -> None:
    result = dataclasses.replace(GOOD, silent=("staging", "qa"), unroutable=("nowhere",))
    assert list(complaints(result, "baton_ping_in")) == [
        'No answer from "staging", "qa" within 2 s',
        'No server listens on "nowhere" (exchange baton_ping_in)',
    ]
    assert list(complaints(GOOD, "baton_ping_in")) == []


def test_who_was_interrupted_has_not_waited_for_so_long() -> None:
    result = dataclasses.replace(GOOD, silent=("staging",), interrupted=True, took=0.25)
    assert list(complaints(result)) == ['No answer from "staging" within 0.25 s']


def test_there_is_no_exchange() -> None:
    result = dataclasses.replace(GOOD, unroutable=("production",))
    (sentence,) = complaints(result, "baton_ping_in", missing=True)
    assert sentence == (
        'No server listens on "production" (exchange baton_ping_in): '
        "no service has connected yet, the exchange does not exist"
    )
    assert list(complaints(result)) == ['No server listens on "production"']


def test_many_complaints_are_shortened() -> None:
    result = dataclasses.replace(GOOD, unroutable=names(1000))
    (sentence,) = complaints(result, "x")
    assert sentence.endswith('"web19" and 980 more (exchange x)')


def test_who_may_still_answer_can_be_asked_for_later() -> None:
    assert hint(GOOD) is None
    result = dataclasses.replace(GOOD, missing_count=1)
    assert hint(result) == "later: baton replies 54912c6b --from URL"
