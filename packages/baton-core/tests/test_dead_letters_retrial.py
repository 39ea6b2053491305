"""What is published to have a dead letter done once more."""

from __future__ import annotations

import time
from typing import Any

import pytest

from baton.command import Requester
from baton.dead_letters import Letter, read_letter
from baton.dead_letters.retrial import retrial
from baton.errors import InvalidMessage
from baton.extension import Extension
from baton.message import Envelope
from baton.transports import Delivery

QUEUE = "baton-patch.web01.example.org.patch"
HEADERS = {
    "x-first-death-queue": QUEUE,
    "x-first-death-reason": "rejected",
    "x-delivery-count": 3,
    "baton-sender": "alice@adm01",
}
BOB = Requester(exchange="baton_patch_in", sender="bob@adm02", user_id="operator", expires=60)
OWN = {
    "baton-target": ["production", "staging"],
    "baton-where": ["cpus>=8"],
    "baton-splay": 2000,
    "baton-version": 1,
}


def letter(
    body: bytes = b'{"type":"upgrade"}',
    headers: dict[str, Any] | None = None,
    message_id: str | None = "m1",
) -> Letter:
    envelope = Envelope(
        message_id=message_id,
        reply_to="somebody",
        headers=HEADERS if headers is None else headers,
    )
    delivery = Delivery("letters", 1, None, "production", body, envelope, False, 0.0)
    return read_letter(delivery, Extension("baton-patch"))


def test_it_goes_to_that_server_alone() -> None:
    publication = retrial(letter(b'{"type":"upgrade","n":1}'), BOB, 7, 30)
    assert (publication.number, publication.exchange, publication.routing_key) == (7, "", QUEUE)
    assert (publication.body, publication.mandatory) == (b'{"type":"upgrade","n":1}', True)


def test_it_is_a_new_command() -> None:
    before = time.time()
    envelope = retrial(letter(headers=HEADERS | OWN), BOB, 1, 30).envelope
    other = retrial(letter(), BOB, 1, 30).envelope
    assert len(bytes.fromhex(envelope.message_id or "")) == 16
    assert envelope.message_id != other.message_id
    assert (envelope.expires, envelope.persistent, envelope.user_id) == (30, True, "operator")
    assert before <= (envelope.timestamp or 0) <= time.time()
    assert (envelope.reply_to, envelope.correlation_id) == (None, None)


def test_what_it_was_and_what_it_is_for_stays() -> None:
    headers = retrial(letter(headers=HEADERS | OWN | {"mine": 1}), BOB, 1, 30).envelope.headers
    assert headers == OWN | {"baton-sender": "bob@adm02", "baton-retry-of": "m1"}


def test_a_command_without_an_id_is_a_retry_of_none() -> None:
    headers = retrial(letter(message_id=None), BOB, 1, 30).envelope.headers
    assert headers == {"baton-version": 1, "baton-sender": "bob@adm02"}


def test_a_letter_that_names_no_server() -> None:
    with pytest.raises(InvalidMessage, match=r"^it does not say in which server's queue it died$"):
        retrial(letter(headers={}), BOB, 1, 30)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("baton-where", "cpus>=8"),
        ("baton-where", ["cpus>=8", 7]),
        ("baton-where", None),
        ("baton-target", {"a": 1}),
        ("baton-splay", "2"),
        ("baton-splay", True),
        ("baton-splay", -1),
        ("baton-splay", 1 << 31),
        ("baton-version", 1.5),
    ],
)
def test_a_filter_is_not_passed_over_because_it_is_malformed(name: str, value: Any) -> None:
    with pytest.raises(InvalidMessage, match=f"^its header {name} is malformed$"):
        retrial(letter(headers=HEADERS | {name: value}), BOB, 1, 30)


@pytest.mark.parametrize("expires", [0, -1, float("nan"), float("inf"), 604_801, True, "60"])
def test_an_expiry_that_no_command_has(expires: float) -> None:
    """The broker drops what expires in 0 ms, and the letter would be gone."""
    with pytest.raises(InvalidMessage, match="cannot expire in"):
        retrial(letter(), BOB, 1, expires)
