"""A result as JSON, and back."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from baton import Message
from baton.fleet import Duplicate, Failure, Latency, Reply, Result, from_document, row, to_document
from baton.fleet.document import parse_json

RESULT = Result(
    message_id="1f",
    extension="baton-ping",
    type="ping",
    targets=("production", "web01"),
    where=("cpus>=8",),
    sent=1750000000.5,
    timeout=2.01,
    took=0.25,
    expected=10,
    answered=7,
    replies=8,
    missing=("web08", "web09"),
    missing_count=2,
    unexpected=("web77",),
    duplicates=(Duplicate("web01", 2),),
    errors=(Failure("web02", "failed", "ValueError", "no"),),
    originals=("ruby",),
    late=("web05",),
    silent=("staging",),
    unroutable=("nowhere",),
    not_asked=("web10",),
    latency=Latency(7, 0.001, 0.002, 0.0025, 0.003, 0.004, 0.0051234),
    complete=True,
    interrupted=True,
)
BARE = Result(
    message_id="", extension="x", type="", targets=("*",), sent=0.0, timeout=2.0, took=0.0
)


def test_the_document() -> None:
    assert to_document(RESULT) == {
        "schema": 1,
        "id": "1f",
        "extension": "baton-ping",
        "type": "ping",
        "targets": ["production", "web01"],
        "where": ["cpus>=8"],
        "sent": "2025-06-15T15:06:40.500Z",
        "timeout": 2.01,
        "took": 0.25,
        "expected": 10,
        "answered": 7,
        "replies_count": 8,
        "missing": {"count": 2, "names": ["web08", "web09"]},
        "unexpected": ["web77"],
        "duplicates": [{"fqdn": "web01", "instances": 2}],
        "errors": [{"fqdn": "web02", "outcome": "failed", "class": "ValueError", "message": "no"}],
        "originals": ["ruby"],
        "late": ["web05"],
        "silent": ["staging"],
        "unroutable": ["nowhere"],
        "not_asked": ["web10"],
        "latency": {
            "count": 7,
            "min": 1.0,
            "avg": 2.0,
            "p50": 2.5,
            "p95": 3.0,
            "p99": 4.0,
            "max": 5.123,
        },
        "complete": True,
        "interrupted": True,
        "succeeded": False,
    }


@pytest.mark.parametrize("result", [RESULT, BARE])
def test_there_and_back(result: Result) -> None:
    latency = result.latency and replace(result.latency, maximum=0.005123)
    again = from_document(json.loads(json.dumps(to_document(result))))
    assert again == replace(result, latency=latency)


def test_replies_are_rows() -> None:
    answer = Reply(Message({"type": "pong", "fqdn": "web01"}), 0.0123456, "i1", {"outcome": "done"})
    end = Reply(Message({"type": "end"}), 0.5, "i2", {"outcome": "failed", "fqdn": "web02"})
    rows = [
        {
            "fqdn": "web01",
            "ms": 12.346,
            "instance": "i1",
            "original": False,
            "outcome": "done",
            "message": {"type": "pong", "fqdn": "web01"},
        },
        {
            "fqdn": "web02",
            "ms": 500.0,
            "instance": "i2",
            "original": False,
            "outcome": "failed",
            "message": None,
        },
    ]
    assert [row(answer), row(end)] == rows
    assert to_document(RESULT, iter([answer, end]))["replies"] == rows
    assert "replies" not in to_document(RESULT)
    assert to_document(RESULT, [])["replies"] == []


def changed(*path: str, value: Any) -> Any:
    document = to_document(RESULT)
    place: Any = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("schema",), 2, '"schema" is 2: this version of Baton reads 1'),
        (("id",), 12, '"id" should be a string'),
        (("targets",), "production", '"targets" should be a list of strings'),
        (("targets",), [1], '"targets" should be a list of strings'),
        (("sent",), "yesterday", '"yesterday" is no time'),
        (("sent",), "2025-06-15T15:06:40", "is no time like"),
        (("took",), -1, '"took" should be a number that is not negative'),
        (("took",), math.inf, '"took" should be a number that is not negative'),
        (("took",), 10**400, '"took" should be a number that is not negative'),
        (("latency", "min"), 10**400, '"latency.min" should be a number that is not negative'),
        (("sent",), "0001-01-01T00:00:00+23:59", "is no time like"),
        (("sent",), "9999-12-31T23:59:59-23:59", "is no time like"),
        (("timeout",), True, '"timeout" should be a number'),
        (("expected",), 1.5, '"expected" should be a whole number'),
        (("missing",), [], '"missing" should be an object'),
        (("missing", "count"), None, '"missing.count" should be a number'),
        (("missing", "names"), None, '"missing.names" should be a list of strings'),
        (("errors",), {}, '"errors" should be a list'),
        (("errors",), ["x"], '"errors" should be an object'),
        (("errors",), [{"fqdn": "x"}], '"errors.outcome" is not there'),
        (("latency",), {}, '"latency.count" is not there|"latency.min" is not there'),
        (("complete",), 1, '"complete" should be true or false'),
    ],
)
def test_a_wrong_document_is_told_of_by_its_field(
    path: tuple[str, ...], value: Any, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        from_document(changed(*path, value=value))


@pytest.mark.parametrize("document", [None, [], "x", 3])
def test_what_is_no_document(document: object) -> None:
    with pytest.raises(ValueError, match="it is no object"):
        from_document(document)


@pytest.mark.parametrize("field", sorted(to_document(RESULT).keys() - {"succeeded"}))
def test_a_document_without_a_field_is_none(field: str) -> None:
    document = to_document(RESULT)
    del document[field]
    with pytest.raises(ValueError, match=f'"{field}" is not there'):
        from_document(document)


def test_fields_that_it_does_not_know_are_passed_over() -> None:
    assert from_document(changed("color", value="blue")).targets == RESULT.targets


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b'"\xff"', "byte 1 is not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 5000, "digits"),
    ],
)
def test_what_is_no_json(content: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_json(content)


def test_json_may_begin_with_a_byte_order_mark() -> None:
    assert parse_json(b"\xef\xbb\xbf[1]") == [1]
