"""What a requester publishes."""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
from typing import Any

import pytest

from baton.command import Requester
from baton.configuration import Configuration
from baton.errors import InvalidFilter, InvalidMessage
from baton.extension import Extension
from baton.message import decode_body

PING = {"type": "ping"}


@pytest.fixture
def requester() -> Requester:
    return Requester("baton_ping_in", "alice@web01", user_id="baton", expires=60.0)


def test_a_requester_from_the_settings() -> None:
    requester = Requester.of(Configuration(rabbit_user="baton"), Extension("baton-ping"))
    assert requester.exchange == "baton_ping_in"
    assert requester.user_id == "baton"
    assert requester.expires == 60.0
    assert requester.sender == f"{getpass.getuser()}@{socket.gethostname()}"


def test_a_requester_from_other_settings() -> None:
    configuration = Configuration(exchange="other", rabbit_user_id=False, expires=5)
    requester = Requester.of(configuration, Extension("baton-ping"))
    assert requester.exchange == "other"
    assert requester.user_id is None
    assert requester.expires == 5.0


def test_a_requester_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container, whose user id has no entry in /etc/passwd."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    requester = Requester.of(Configuration(), Extension("baton-ping"))
    assert requester.sender == f"4000000@{socket.gethostname()}"


def test_a_command(requester: Requester) -> None:
    before = time.time()
    (publication,) = requester.command(PING, "production")
    assert publication.exchange == "baton_ping_in"
    assert publication.routing_key == "production"
    assert publication.body == b'{"type":"ping"}'
    assert publication.mandatory
    envelope = publication.envelope
    assert envelope.message_id is not None
    assert len(envelope.message_id) == 32
    assert envelope.timestamp is not None
    assert before <= envelope.timestamp <= time.time()
    assert envelope.expires == 60.0
    assert envelope.user_id == "baton"
    assert envelope.app_id == "baton"
    assert envelope.reply_to is None
    assert envelope.content_type == "application/json"
    assert envelope.persistent
    assert envelope.headers == {
        "baton-version": 1,
        "baton-target": ["production"],
        "baton-sender": "alice@web01",
    }


def test_several_targets_share_one_id(requester: Requester) -> None:
    publications = requester.command(PING, ["a", "b", "c"], reply_to="key", expires=5)
    assert [each.routing_key for each in publications] == ["a", "b", "c"]
    assert [each.number for each in publications] == [1, 2, 3]
    assert all(each.mandatory for each in publications)
    (envelope,) = {id(each.envelope): each.envelope for each in publications}.values()
    assert envelope.headers["baton-target"] == ["a", "b", "c"]
    assert envelope.reply_to == "key"
    assert envelope.expires == 5


def test_a_target_that_stands_twice_is_one(requester: Requester) -> None:
    publications = requester.command(PING, ["a", "b", "a"])
    assert [each.routing_key for each in publications] == ["a", "b"]


def test_every_command_has_an_id_of_its_own(requester: Requester) -> None:
    ids = {requester.command(PING, "a")[0].envelope.message_id for _ in range(100)}
    assert len(ids) == 100


@pytest.mark.parametrize("key", ["*", "x" * 255, "é" * 127, "shop.production"])
def test_a_target(requester: Requester, key: str) -> None:
    assert requester.command(PING, key)[0].routing_key == key


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("", ""),
        ("x" * 256, "x" * 199 + "…"),
        ("é" * 128, "é" * 128),
        ("web\udcff", "web\\udcff"),
    ],
)
def test_no_target(requester: Requester, key: str, shown: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        requester.command(PING, ["production", key])
    assert str(caught.value) == f'"{shown}" is no target: 1 to 255 bytes of UTF-8 are allowed'


def test_a_command_without_a_target(requester: Requester) -> None:
    with pytest.raises(InvalidMessage, match="A command needs a target"):
        requester.command(PING, [])


@pytest.mark.parametrize("message", [{}, {"type": None}, {"type": 1}, {"Type": "ping"}])
def test_a_command_without_a_type(requester: Requester, message: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage, match="A command is a JSON object with a type"):
        requester.command(message, "production")


def circular() -> dict[str, Any]:
    body: dict[str, Any] = {"type": "ping"}
    body["self"] = body
    return body


def deep() -> dict[str, Any]:
    body: dict[str, Any] = {"type": "ping"}
    for _ in range(100_000):
        body = {"type": "ping", "in": body}
    return body


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"type": "ping", "n": {1}}, "The command is not JSON: Object of type set"),
        ({"type": "ping", "n": b"x"}, "The command is not JSON: Object of type bytes"),
        ({"type": "ping", "n": float("nan")}, "The command is not JSON: Out of range float"),
        ({"type": "ping", (1, 2): 1}, "The command is not JSON: keys must be"),
        (circular(), "The command is not JSON: Circular reference"),
        (deep(), "The command is not JSON: maximum recursion depth"),
        ({"type": "ping", "n": "\ud800"}, "The command contains half of a surrogate pair"),
        ({"type": "ping", "\udcff": 1}, "The command contains half of a surrogate pair"),
        ({"type": "\udcff"}, "The command contains half of a surrogate pair"),
    ],
)
def test_a_command_that_is_not_json(
    requester: Requester, message: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidMessage) as caught:
        requester.command(message, "production")
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("text", ["\ufffd", "😀", "\\ud800", "é", "\\ufffd"])
def test_a_command_arrives_as_it_was(requester: Requester, text: str) -> None:
    message = {"type": "ping", text: [text]}
    (publication,) = requester.command(message, "production")
    assert decode_body(publication.body) == message == json.loads(publication.body)


@pytest.mark.parametrize("expires", [True, "5", 10**400])
def test_an_expiry_that_is_no_number(requester: Requester, expires: Any) -> None:
    with pytest.raises(InvalidMessage, match=r"A command cannot expire in (True|5|10*…) s"):
        requester.command(PING, "production", expires=expires)


@pytest.mark.parametrize("key", [5, None, b"production", ("production",)])
def test_a_target_that_is_no_text(requester: Requester, key: Any) -> None:
    with pytest.raises(InvalidMessage, match="A target is a string, not "):
        requester.command(PING, [key])


@pytest.mark.parametrize("expires", [0, -1, 604_801, float("nan"), float("inf")])
def test_no_expiry(requester: Requester, expires: float) -> None:
    with pytest.raises(InvalidMessage) as caught:
        requester.command(PING, "production", expires=expires)
    assert str(caught.value) == (
        f"A command cannot expire in {expires} s: more than 0 and at most 604,800 are allowed"
    )


@pytest.mark.parametrize("reply_to", ["", "a b", "x" * 65, "ä"])
def test_a_reply_key_that_is_none(requester: Requester, reply_to: str) -> None:
    with pytest.raises(InvalidMessage, match="is no reply key"):
        requester.command({"type": "ping"}, "production", reply_to=reply_to)


def test_many_targets_are_not_named_by_each_publication(requester: Requester) -> None:
    few = requester.command(PING, [f"web{number:05}.example.org" for number in range(64)])
    assert len(few[0].envelope.headers["baton-target"]) == 64
    many = requester.command(PING, [f"web{number:05}.example.org" for number in range(10_000)])
    assert len(many) == 10_000
    assert "baton-target" not in many[0].envelope.headers


@pytest.mark.parametrize(
    ("where", "carried"),
    [
        ("cpus>=8", ["cpus>=8"]),
        (["cpus>=8", "platform=debian"], ["cpus>=8", "platform=debian"]),
        (("container",), ["container"]),
    ],
)
def test_a_filter_is_carried_as_it_was_written(
    requester: Requester, where: Any, carried: list[str]
) -> None:
    (publication,) = requester.command(PING, "*", where=where)
    assert publication.envelope.headers["baton-where"] == carried


def test_a_filter_that_cannot_be_understood_is_refused(requester: Requester) -> None:
    with pytest.raises(InvalidFilter, match='The condition "cpus=>8" is more than one condition'):
        requester.command(PING, "*", where=["platform=debian", "cpus=>8"])


@pytest.mark.parametrize(("splay", "carried"), [(1, 1000), (0.0001, 1), (3600.0, 3_600_000)])
def test_a_splay_is_carried_in_milliseconds(
    requester: Requester, splay: float, carried: int
) -> None:
    (publication,) = requester.command(PING, "*", splay=splay)
    assert publication.envelope.headers["baton-splay"] == carried


def test_without_a_filter_and_a_splay_nothing_is_carried(requester: Requester) -> None:
    (publication,) = requester.command(PING, "*", where=(), splay=0)
    assert publication.envelope.headers.keys() == {"baton-version", "baton-target", "baton-sender"}


def test_no_splay(requester: Requester) -> None:
    with pytest.raises(InvalidMessage, match="A splay cannot be -1 s: 0 to 3,600 s are allowed"):
        requester.command(PING, "*", splay=-1)
