"""What one server says, however it says it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from baton.fleet import Reply
from baton.fleet.reply import is_original, keys_of, read_reply
from baton.message import Envelope
from baton.transports import Delivery


def delivery(body: object, headers: Mapping[str, Any], correlation: str | None = "x") -> Delivery:
    envelope = Envelope(correlation_id=correlation, headers=headers)
    return Delivery("q", 1, None, "", json.dumps(body).encode(), envelope, False, 0.0)


def reply(body: Mapping[str, Any], headers: Mapping[str, Any], **options: Any) -> Reply:
    found = read_reply(delivery({"type": "pong", **body}, headers, **options))
    assert found is not None
    return found


def test_an_output_that_is_the_last() -> None:
    found = reply({"fqdn": "web01"}, {"baton-instance": "i1", "baton-end": {"outcome": "done"}})
    assert (found.fqdn, found.instance, found.outcome, found.succeeded, found.is_output) == (
        "web01",
        "i1",
        "done",
        True,
        True,
    )
    assert not found.original


def test_an_end_that_is_no_output() -> None:
    found = reply({"type": "end"}, {"baton-instance": "i1", "baton-end": {"outcome": "failed"}})
    assert (found.is_output, found.succeeded, found.fqdn) == (False, False, "")


@pytest.mark.parametrize("fqdn", [None, "", 12, ["web02"]])
def test_the_name_may_stand_in_the_end_alone(fqdn: object) -> None:
    end = {"outcome": "done", "fqdn": "web01"}
    assert reply({"fqdn": fqdn}, {"baton-end": end}).fqdn == "web01"


@pytest.mark.parametrize("end", ["done", 1, None, ["done"]])
def test_an_end_that_is_no_table_is_none(end: object) -> None:
    assert reply({}, {"baton-end": end}).end is None
    assert read_reply(delivery({"type": "end"}, {"baton-end": end})) is None


def test_text_of_others_is_made_fit_to_be_shown() -> None:
    hostile = "web01\x1b[2J\u202e" + "x" * 1000
    end = {"outcome": hostile}
    found = reply({"fqdn": hostile}, {"baton-instance": hostile, "baton-end": end})
    for text, longest in ((found.fqdn, 160), (found.instance, 169), (found.outcome, 20)):
        assert text.isprintable()
        assert len(text) == longest


def test_a_ruby_server_is_an_original() -> None:
    found = reply({"fqdn": "ruby"}, {}, correlation=None)
    assert found.original
    assert found.instance == "original ruby"
    assert is_original(delivery({}, {}, None))
    assert not is_original(delivery({}, {"baton-instance": "i"}, None))
    assert not is_original(delivery({}, {}, "x"))


def test_an_error_has_not_been_done() -> None:
    assert reply({"type": "error"}, {}).succeeded is False
    assert reply({}, {}).succeeded is None


def test_the_keys_of_a_server() -> None:
    body = {"environment": "Production", "app_names": ["shop", 3, "x" * 128]}
    assert keys_of("a", body) == ("a", "production", "*", "shop.production")


@pytest.mark.parametrize("environment", ["x" * 1_000_000, None, 5, ["production"], {}])
def test_the_keys_of_one_that_says_anything_are_few_and_short(environment: object) -> None:
    """A million of applications times a million of letters would be a terabyte."""
    apps = ["shop"] * 10 + [str(number) for number in range(100_000)]
    assert keys_of("a", {"environment": environment, "app_names": apps}) == ("a", "*")
    many = keys_of("a", {"environment": "production", "app_names": apps})
    assert len(many) <= 1003
    assert keys_of("a", {"environment": "production", "app_names": "shop"}) == (
        "a",
        "production",
        "*",
    )
