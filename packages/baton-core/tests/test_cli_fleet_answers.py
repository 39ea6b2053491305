"""A line of a reply."""

from __future__ import annotations

import json
from typing import Any

import pytest

from baton import Message, Reply
from baton.cli.fleet.answers import Answers, body, row_as_json

DONE = {"outcome": "done", "outputs": 1}


def reply(said: dict[str, Any], end: dict[str, Any] | None = DONE, **changes: Any) -> Reply:
    message = Message({"type": "pong", "fqdn": "web01.example.org", **said})
    return Reply(message, 0.0091, "one", end, **changes)


def shown(reply: Reply, answers: Answers | None = None) -> str | None:
    line = (answers or Answers(lambda reply: str(reply.message.get("n", "")))).line(reply)
    return None if line is None else "".join(span.text for span in line)


def test_an_output() -> None:
    assert shown(reply({"n": 7})) == "web01.example.org          9.1 ms  7"


def test_an_error_is_said_whatever_else_is() -> None:
    line = shown(reply({"type": "error", "error_message": "disk full", "n": 7}))
    assert line == "web01.example.org          9.1 ms  error: disk full"


@pytest.mark.parametrize("message", [None, 7, []])
def test_an_error_without_words(message: object) -> None:
    line = shown(reply({"type": "error", "error_message": message}))
    assert line == "web01.example.org          9.1 ms  error: "


def test_an_original() -> None:
    line = shown(reply({"n": 7}, None, original=True))
    assert line == "web01.example.org          9.1 ms  7 (original)"


@pytest.mark.parametrize(
    ("end", "line"),
    [
        ({"outcome": "done", "outputs": 0}, "done"),
        ({"outcome": "done", "outputs": 2}, None),
        ({"outcome": "expired", "outputs": 0}, "expired"),
        ({"outcome": "failed", "outputs": 2}, "failed"),
    ],
)
def test_the_end_is_said_where_nothing_else_was(end: dict[str, Any], line: str | None) -> None:
    said = shown(reply({"type": "end"}, end))
    assert said == (line and f"web01.example.org          9.1 ms  {line}")


def test_a_server_without_a_name() -> None:
    assert shown(reply({"fqdn": ""})) == "(no name)                  9.1 ms  "


def test_the_column_is_as_wide_as_the_longest_name_so_far() -> None:
    answers = Answers(lambda _: "up", ["w" * 30])
    assert shown(reply({}), answers) == f"{'web01.example.org':<30}       9.1 ms  up"
    assert shown(reply({"fqdn": "x" * 40}), answers) == f"{'x' * 40}       9.1 ms  up"
    assert shown(reply({}), answers) == f"{'web01.example.org':<40}       9.1 ms  up"
    assert shown(reply({"fqdn": "y" * 100}), answers) == f"{'y' * 100}       9.1 ms  up"
    assert shown(reply({}), answers) == f"{'web01.example.org':<48}       9.1 ms  up"


def test_what_a_server_says_acts_on_no_terminal() -> None:
    hostile = "x\x1b[2J\n\u202e" * 100
    answers = Answers(lambda reply: str(reply.message["n"]))
    for kind in ("pong", "error", "end"):
        said = {"type": kind, "fqdn": hostile, "n": hostile, "error_message": hostile}
        line = shown(reply(said, {"outcome": hostile}), answers)
        assert line is not None
        assert line.isprintable()


def test_a_body_is_what_is_not_about_the_server() -> None:
    said = {"environment": "production", "app_names": ["shop"], "n": [1, {"ü": "\x1b"}]}
    assert body(reply(said)) == '{"type": "pong", "n": [1, {"ü": "\\u001b"}]}'


def test_a_body_that_is_nested_too_deeply() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert body(reply({"n": nested})) == "(nested too deeply)"


def test_a_row_is_json_whatever_is_in_it() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert json.loads(row_as_json(reply({"n": "ü\u202e"})))["message"]["n"] == "ü\u202e"
    assert row_as_json(reply({"n": "ü\u202e"})).isascii()
    fields = json.loads(row_as_json(reply({"n": nested})))
    assert fields["message"] == {"type": "pong"}
    assert fields["fqdn"] == "web01.example.org"
