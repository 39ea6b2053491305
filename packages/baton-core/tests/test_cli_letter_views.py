"""How a dead letter is shown."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from baton.cli.letter_views import (
    document,
    documents_as_text,
    full_document,
    page,
    row,
    table,
    totals,
    where,
)
from baton.configuration import Configuration
from baton.dead_letters import DeadLetters, Letter, read_letter
from baton.extension import Extension
from baton.message import Envelope
from baton.transports import Delivery

if TYPE_CHECKING:
    from conftest import Screen

PATCH = Extension("baton-patch")
QUEUE = "baton-patch.web01.example.org.patch"
DIED = datetime(2026, 11, 26, 1, 30, 5, tzinfo=UTC)
HEADERS = {
    "x-death": [{"time": DIED, "queue": QUEUE}],
    "x-first-death-queue": QUEUE,
    "x-first-death-reason": "delivery_limit",
    "baton-sender": "alice@adm01",
    "x-delivery-count": 3,  # of looks
}


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def letter(
    body: bytes = b'{"type":"upgrade","n":[1,2]}', routing_key: str = "production", **changed: Any
) -> Letter:
    values: dict[str, Any] = {
        "message_id": "m1",
        "user_id": "requester",
        "timestamp": DIED.timestamp() - 5,
        "headers": HEADERS,
    }
    envelope = Envelope(**(values | changed))
    delivery = Delivery("letters", 1, None, routing_key, body, envelope, False, 0.0)
    return read_letter(delivery, PATCH)


def test_a_row() -> None:
    assert row(letter())[1:] == (
        "2026-11-26 01:30:05",
        "delivery limit",
        "web01.example.org",
        "upgrade",
        "production",
    )


def test_a_row_of_what_says_nothing() -> None:
    found = letter(b"", "", headers={}, message_id=None)
    assert row(found)[1:] == ("?", "unknown", "?", "?", "")
    assert where(found) == "?  ?"


def test_a_row_of_what_says_too_much() -> None:
    headers = HEADERS | {"x-first-death-reason": "\x1b[2J" + "r" * 99}
    found = letter(b'{"type":"\\u001b[31m%s"}' % (b"t" * 9999), "k\n" * 100, headers=headers)
    assert all(text.isprintable() and len(text) <= 40 for text in row(found))
    assert where(found).isprintable()


def test_a_table(screen: Callable[[], Screen], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    shown = screen()
    with contextlib.redirect_stdout(shown):
        table([row(letter()), row(letter(b'{"type":"x"}', headers={}, message_id="東"))])
    head, *lines = shown.shown.splitlines()
    assert "id            died                 reason          server" in head
    assert [line[12:] for line in lines] == [
        "  2026-11-26 01:30:05  delivery limit  web01.example.org  upgrade  production",
        "  ?                    unknown         ?                  x        production",
    ]


def test_a_table_without_rows(capsys: pytest.CaptureFixture[str]) -> None:
    table([])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("number", "expired", "text"),
    [
        (0, 0, "no dead letters; no commands expired within the last day"),
        (1, 1, "1 dead letter; 1 command expired within the last day"),
        (1200, 9999, "1,200 dead letters; 9,999 commands expired within the last day"),
        (2, 10_000, "2 dead letters; 10,000 or more commands expired within the last day"),
    ],
)
def test_totals(number: int, expired: int, text: str) -> None:
    dead = DeadLetters(Configuration(rabbit_url="memory://totals"), PATCH)
    dead.waiting, dead.expired = number, expired
    assert totals("baton-patch", number, dead) == text


def test_totals_where_no_durable_consumer_has_run() -> None:
    dead = DeadLetters(Configuration(rabbit_url="memory://totals"), PATCH)
    assert totals("baton-patch", 0, dead) == (
        "no dead letters; no durable consumer of baton-patch has run on this vhost"
    )


def test_a_page() -> None:
    found = letter(headers=HEADERS | {"baton-retry-of": "m0"})
    assert page(found, ["OSError: the disk is full\x1b"]).splitlines() == [
        f"id            {found.id}",
        "command       m1",
        "died          2026-11-26 01:30:05  delivery limit",
        "server        web01.example.org",
        f"queue         {QUEUE}",
        "type          upgrade",
        "key           production",
        "sent          2026-11-26T01:30:00.000Z",
        "sender        alice@adm01  (user requester)",
        "retry of      m0",
        "size          28 bytes",
        "error         OSError: the disk is full�",
        "",
        'baton-retry-of: "m0"',
        'baton-sender: "alice@adm01"',
        f'x-death: [{{"time": "2026-11-26T01:30:05+00:00", "queue": "{QUEUE}"}}]',
        f'x-first-death-queue: "{QUEUE}"',
        'x-first-death-reason: "delivery_limit"',
        "",
        "{",
        '  "type": "upgrade",',
        '  "n": [',
        "    1,",
        "    2",
        "  ]",
        "}",
    ]


def test_a_page_of_what_says_nothing() -> None:
    nothing = letter(b"", "", headers={}, message_id=None, user_id=None, timestamp=None)
    lines = page(nothing).splitlines()
    assert lines[1:6] == [
        "command       ?",
        "died          ?  unknown",
        "server        ?",
        "queue         ?",
        "type          ?",
    ]
    assert lines[7:] == ["sent          ?", "sender        ?", "size          0 bytes", "", ""]


@pytest.mark.parametrize(
    "body",
    [
        b"\x1b[2J\xff\r\nno JSON\x00",
        b'{"type":"\\u001b]0;x\\u0007","\\u202e":1}',
        b'{"type":"x","a":' + b"[" * 200 + b"1," * 5000 + b"1" + b"]" * 200 + b"}",
        b'{"type":"x","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_a_page_can_do_nothing_to_a_terminal(body: bytes) -> None:
    headers = {"a\x1b": "b\x1b", "c": {"\x1b": ["\x07"]}}
    text = page(letter(body, "k\x1b", headers=headers, user_id="u\x1b", message_id="m\x1b"))
    assert all(line.isprintable() for line in text.split("\n"))
    assert len(text) < 10 * len(body) + 2000


def test_documents() -> None:
    found = letter()
    assert document(found) == {
        "id": found.id,
        "command": "m1",
        "died": "2026-11-26T01:30:05.000Z",
        "reason": "delivery_limit",
        "server": "web01.example.org",
        "queue": QUEUE,
        "type": "upgrade",
        "routing_key": "production",
        "sender": "alice@adm01",
        "user": "requester",
        "retry_of": None,
        "size": 28,
    }
    whole = full_document(found, ["OSError: no"])
    assert {key: whole[key] for key in document(found)} == document(found)
    assert whole["body"] == {"type": "upgrade", "n": [1, 2]}
    assert (whole["raw"], whole["errors"], whole["sent"]) == (
        None,
        ["OSError: no"],
        "2026-11-26T01:30:00.000Z",
    )
    assert whole["headers"]["x-death"][0]["time"] == "2026-11-26T01:30:05+00:00"


def test_documents_as_text() -> None:
    whole = full_document(letter())
    text = documents_as_text([whole])
    assert json.loads(text) == [whole]
    assert '\n  {\n    "id": "' in text


def test_documents_of_deep_bodies_are_not_much_longer_than_these() -> None:
    """Each of many values in a deep body would be indented by a thousand spaces."""
    body = b'{"type":"x","a":' + b"[" * 500 + b"1," * 9999 + b"1" + b"]" * 500 + b"}"
    whole = full_document(letter(body))
    text = documents_as_text([whole] * 2)
    assert json.loads(text) == [whole] * 2
    assert len(text) < 10 * 2 * len(body)
    assert documents_as_text([]) == "[]"


def test_a_document_of_what_is_no_command() -> None:
    whole = full_document(letter(b"no\xff", message_id=None, timestamp=1e300))
    assert (whole["body"], whole["raw"], whole["command"], whole["sent"]) == (
        None,
        "no�",
        None,
        None,
    )


def test_values_of_headers_that_json_does_not_have() -> None:
    deep: Any = "end"
    for _ in range(500):
        deep = [{"x": deep}]
    headers = {
        "decimal": Decimal("1.5"),
        "bytes": b"a\xff",
        "nan": float("nan"),
        "float": 1.5,
        "none": None,
        "bool": True,
        "deep": deep,
    }
    shown = full_document(letter(headers=headers))["headers"]
    assert "…" in json.dumps(shown.pop("deep"), ensure_ascii=False)
    assert shown == {
        "decimal": "1.5",
        "bytes": "a�",
        "nan": "nan",
        "float": 1.5,
        "none": None,
        "bool": True,
    }
