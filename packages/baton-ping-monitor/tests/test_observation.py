"""Outputs, made fit to be kept and shown: whatever a network brings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from baton import InvalidMessage
from baton.message import Envelope, Message
from baton_ping_monitor.observation import (
    LONGEST_BODY,
    MALFORMED,
    Observation,
    malformed,
    observe,
)

WEB = {"environment": "Production", "fqdn": "web01.example.org", "app_names": ["shop", "blog"]}


def seen(body: dict[str, Any], envelope: Envelope | None = None) -> Observation:
    raw = json.dumps(body).encode()
    return observe(Message.decode(raw, envelope), "baton-ping", 5.0)


def arrived(raw: bytes) -> Observation:
    """What is made of *raw*, as the collector does it."""
    try:
        return observe(Message.decode(raw), "baton-ping", 5.0)
    except InvalidMessage as error:
        return malformed(raw, error, "baton-ping", 5.0)


def texts(value: Any) -> list[str]:
    """Every text in *value*."""
    match value:
        case str():
            return [value]
        case dict():
            return [text for pair in value.items() for each in pair for text in texts(each)]
        case list() | tuple():
            return [text for each in value for text in texts(each)]
        case _:
            return []


def test_a_pong() -> None:
    envelope = Envelope(
        message_id="m1", correlation_id="p1", headers={"baton-instance": "i1"}, timestamp=1.0
    )
    body = {"type": "pong", **WEB}
    assert seen(body, envelope) == Observation(
        received=5.0,
        extension="baton-ping",
        kind="pong",
        fqdn="web01.example.org",
        environment="production",
        app_names=("shop", "blog"),
        summary="pong",
        body=json.dumps(body),
        message_id="m1",
        correlation_id="p1",
        instance="i1",
    )


@pytest.mark.parametrize(
    ("body", "summary"),
    [
        (
            {"type": "error", "error_class": "OSError", "error_message": "no\nspace"},
            "OSError: no space",
        ),
        ({"type": "error"}, "an error without words"),
        ({"type": "info", "message": "half way"}, "half way"),
        ({"type": "disk", "used": 12}, "disk"),
        ({"type": "facts", "facts": {"cpus": 4, "memory": 8}}, "2 facts"),
        ({"type": "facts", "facts": 12}, "no facts"),
    ],
)
def test_a_line_for_people(body: dict[str, Any], summary: str) -> None:
    found = seen({**body, **WEB})
    assert found.summary == summary
    assert found.error == (summary if body["type"] == "error" else "")


@pytest.mark.parametrize("fact", ["x" * 2_000, 10**2_000, {"x" * 64: "y" * 1_900}])
def test_facts_are_kept_up_to_a_size(fact: object) -> None:
    facts = seen({"type": "facts", "facts": {"list": [fact] * 3_000}, **WEB}).facts
    assert facts is not None
    assert 100 < len(facts["list"]) < 150
    assert len(json.dumps(facts)) < 300_000


def test_facts_are_kept_as_they_are() -> None:
    facts = {"cpus": 4, "load": 0.5, "disks": [{"name": "sda"}], "swap": None, "virtual": True}
    assert seen({"type": "facts", "facts": facts, **WEB}).facts == facts


@pytest.mark.parametrize("fqdn", [None, "", "  ", 12, ["web01"], {"a": 1}, True, "x" * 254])
def test_what_names_no_server_is_malformed(fqdn: object) -> None:
    found = seen({"type": "pong", "fqdn": fqdn})
    assert (found.kind, found.fqdn) == (MALFORMED, "")
    assert found.summary.startswith("it names no server" if fqdn != "x" * 254 else "its fqdn has")
    assert '"type": "pong"' in found.body


@pytest.mark.parametrize("kind", ["", MALFORMED])
def test_a_type_that_is_none_is_malformed(kind: str) -> None:
    found = seen({**WEB, "type": kind})
    assert (found.kind, found.fqdn) == (MALFORMED, "")


@pytest.mark.parametrize("odd", [None, 12, True, {"a": 1}, [[1], None, 2.5]])
def test_odd_types_are_passed_over(odd: object) -> None:
    body = {"environment": odd, "app_names": odd, "error_class": odd, "error_message": odd}
    found = seen({"type": "error", "fqdn": "web01", **body, "message": odd, "facts": odd})
    assert (found.kind, found.environment, found.app_names) == ("error", "", ())
    assert found.error == "an error without words"


EVIL = "\x1b[2J\x07\u202e\u2066<script>alert(1)</script>\n\x00"
WORST = {
    "no type": b'{"fqdn": "web01"}',
    "a number as fqdn": b'{"type": "pong", "fqdn": 12}',
    "16 MiB": b'{"type": "pong", "fqdn": "web01", "x": "%s"}' % (b"x" * 16 * 1024 * 1024),
    "controls and bidi": json.dumps(
        {
            "type": f"error{EVIL}",
            "fqdn": EVIL,
            "environment": EVIL,
            "app_names": [EVIL],
            "error_class": EVIL,
            "error_message": EVIL,
            "message": EVIL,
            "facts": {EVIL: [EVIL]},
        },
        ensure_ascii=False,
    ).encode(),
    "facts with controls": json.dumps(
        {"type": "facts", "fqdn": "web01", "facts": {EVIL: {EVIL: [EVIL, 1]}}}, ensure_ascii=False
    ).encode(),
    "a huge list": b'{"type":"facts","fqdn":"web01","app_names":[%s"x"],"facts":{"a":[%s1]}}'
    % (b'"app",' * 100_000, b"1," * 1_000_000),
    "deep": b'{"type":"facts","fqdn":"web01","facts":%s1%s}' % (b'{"a":' * 900, b"}" * 900),
    "deeper": b'{"type":"pong","fqdn":"web01","a":%s1%s}' % (b"[" * 100_000, b"]" * 100_000),
    "half a surrogate pair": b'{"type": "pong", "fqdn": "web\\ud800"}',
    "the same key twice": b'{"type":"pong","fqdn":"web01","fqdn":"web02","type":"error"}',
    "not UTF-8": b'{"type": "pong", "fqdn": "\xff\xfe"}',
    "no JSON": EVIL.encode(),
    "nothing": b"",
    "a list": b"[1, 2]",
    "a long number": b'{"type": "pong", "fqdn": "web01", "n": %s}' % (b"9" * 5000),
    "no number": b'{"type": "pong", "fqdn": "web01", "n": NaN}',
}


@pytest.mark.parametrize("raw", WORST.values(), ids=WORST)
def test_nothing_that_arrives_is_long_or_acts_on_who_shows_it(raw: bytes) -> None:
    found = arrived(raw)
    assert found.kind
    assert (found.kind == MALFORMED) == (found.fqdn == "")
    assert len(found.body) <= LONGEST_BODY
    assert len(found.summary) <= 210
    assert len(found.error) <= 210
    assert len(found.app_names) <= 32
    assert len(json.dumps(found.facts)) < 1_000_000
    for text in texts([found.kind, found.fqdn, found.environment, found.app_names, found.facts]):
        assert text.isprintable()
    for text in (found.summary, found.body, found.error):
        assert text.isprintable()
        text.encode("utf-8")


def test_of_the_same_key_twice_the_last_counts() -> None:
    found = arrived(WORST["the same key twice"])
    assert (found.kind, found.fqdn) == ("error", "web02")


def test_a_body_is_kept_as_it_came_or_escaped() -> None:
    assert seen({"type": "info", "fqdn": "web01", "message": "ü"}).body.endswith('"\\u00fc"}')
    assert (
        arrived('{"type":\n"info", "fqdn": "ü"}'.encode()).body
        == '{"type":"info","fqdn":"\\u00fc"}'
    )
    assert arrived(WORST["16 MiB"]).body.startswith('{"type": "pong", "fqdn": "web01", "x": "xxx')


def test_a_message_without_a_raw_body_has_one() -> None:
    found = observe(Message({"type": "pong", **WEB}), "baton-ping", 5.0)
    assert json.loads(found.body) == {"type": "pong", **WEB}


def test_ids_are_bounded() -> None:
    envelope = Envelope(message_id="x" * 10_000, correlation_id="\x1b" * 10_000)
    found = seen({"type": "pong", **WEB}, envelope)
    assert len(found.message_id or "") <= 255
    assert (found.correlation_id or "").isprintable()
    assert seen({"type": "pong", **WEB}, Envelope(message_id="")).message_id is None
