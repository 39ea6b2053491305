"""What a delivery says of a dead letter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from baton.dead_letters import Letter, read_letter
from baton.extension import Extension
from baton.message import Envelope
from baton.transports import Delivery

PATCH = Extension("baton-patch")
QUEUE = "baton-patch.web01.example.org.patch"
DIED = datetime(2026, 11, 26, 1, 30, tzinfo=UTC)
DEATH = {
    "count": 1,
    "reason": "rejected",
    "queue": QUEUE,
    "time": DIED,
    "exchange": "baton_patch_in",
    "routing-keys": ["production"],
}
HEADERS = {
    "x-death": [DEATH],
    "x-first-death-queue": QUEUE,
    "x-first-death-reason": "rejected",
    "baton-sender": "alice@adm01",
    "baton-retry-of": "0123",
}


def delivery(body: bytes = b'{"type":"upgrade"}', **changed: Any) -> Delivery:
    headers = changed.pop("headers", HEADERS)
    envelope = Envelope(
        message_id=changed.pop("message_id", "m1"), user_id="requester", headers=headers
    )
    values: dict[str, Any] = {"routing_key": "production", "redelivered": False} | changed
    return Delivery(
        queue="letters",
        tag=1,
        channel=None,
        body=body,
        envelope=envelope,
        received=0.0,
        **values,
    )


def letter(*arguments: Any, **changed: Any) -> Letter:
    return read_letter(delivery(*arguments, **changed), PATCH)


def test_what_it_says() -> None:
    found = letter()
    assert (found.command, found.type, found.reason) == ("m1", "upgrade", "rejected")
    assert (found.queue, found.server) == (QUEUE, "web01.example.org")
    assert found.died == DIED.timestamp()
    assert (found.routing_key, found.sender, found.user_id, found.retry_of) == (
        "production",
        "alice@adm01",
        "requester",
        "0123",
    )


def test_its_id_is_the_same_at_each_look_and_no_other_s() -> None:
    assert letter().id == letter(redelivered=True, delivery_count=7).id
    assert len(letter().id) == 12
    other = HEADERS | {"x-first-death-queue": "baton-patch.web02.example.org.patch"}
    later = HEADERS | {"x-death": [DEATH | {"time": datetime(2026, 11, 26, 2, tzinfo=UTC)}]}
    ids = {
        letter().id,
        letter(headers=other).id,
        letter(headers=later).id,
        letter(message_id="m2").id,
        letter(routing_key="*").id,
        letter(message_id=None).id,
        letter(b"{}", message_id=None).id,
    }
    assert len(ids) == 7


def test_copies_have_ids_of_their_own() -> None:
    def ids() -> list[str]:
        known: set[str] = set()
        return [read_letter(delivery(), PATCH, known).id for _ in range(3)]

    assert len(set(ids())) == 3
    assert ids() == ids()
    assert ids()[0] == letter().id


def test_what_it_is_called() -> None:
    found = letter(message_id="54ab12")
    assert all(found.is_called(name) for name in (found.id, found.id[:1].upper(), "54ab", "54ab12"))
    assert not found.is_called("4ab12")
    assert not letter(message_id=None).is_called("None")


def test_the_first_of_several_deaths_counts() -> None:
    last = DEATH | {
        "queue": "elsewhere",
        "reason": "expired",
        "time": datetime(1999, 1, 1, tzinfo=UTC),
    }
    headers = {"x-death": [last, DEATH]}
    found = letter(headers=headers)
    assert (found.queue, found.reason, found.died) == (QUEUE, "rejected", DIED.timestamp())


@pytest.mark.parametrize(
    ("queue", "routing_key", "targets", "server"),
    [
        (QUEUE, "production", None, "web01.example.org"),
        (f"baton-patch.{'web01.example.org.' * 2}"[:-1], "production", None, "web01.example.org"),
        ("baton-patch.web01.example.org.os.patch", "web01.example.org", None, "web01.example.org"),
        ("baton-patch.a.example.org.os.x", "*", ["*", "a.example.org", 7], "a.example.org"),
        ("baton-patch.web01.example.org.os.patch", "web01", None, "web01.example.org.os"),
        ("baton-patch.web01", "*", 7, "web01"),
    ],
)
def test_the_server_whose_queue_it_was(
    queue: str, routing_key: str, targets: object, server: str
) -> None:
    headers = {"x-first-death-queue": queue, "baton-target": targets}
    assert letter(headers=headers, routing_key=routing_key).server == server


@pytest.mark.parametrize(
    "queue",
    [
        "baton-patch.dead-letters",
        "baton-patch.dead-letters.lock",
        "baton-patch.expired",
        "baton-ping.web01.example.org.ping",
        "baton-patch",
        "",
        7,
        b"baton-patch.web01.example.org.patch",
        f"baton-patch.{'w' * 250}.patch",
        "baton-patch.web01\n.patch",
        "baton-patch.\ud800.patch",
    ],
)
def test_a_queue_that_is_none_of_a_server(queue: object) -> None:
    found = letter(headers={"x-first-death-queue": queue})
    assert (found.queue, found.server) == (None, None)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-death": None},
        {"x-death": "rejected"},
        {"x-death": {"reason": "rejected"}},
        {"x-death": []},
        {"x-death": [None, 7, "x", [DEATH]]},
        {"x-death": [{}]},
        {"x-death": [{"time": "now", "queue": 7, "reason": ["rejected"], "routing-keys": 1}]},
        {"x-first-death-reason": 7, "baton-sender": [], "baton-retry-of": b"x"},
        {"baton-target": {"a": 1}},
    ],
)
def test_headers_that_were_made_up(headers: dict[str, Any]) -> None:
    found = letter(b"\xff", headers=headers, message_id=None)
    assert (found.died, found.queue, found.server) == (None, None, None)
    assert (found.reason, found.type, found.command) == ("unknown", "", None)
    assert (found.sender, found.retry_of) == (None, None)
    assert len(found.id) == 12


@pytest.mark.parametrize("body", [b"", b"[]", b'{"typ":1}', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_command_has_no_type(body: bytes) -> None:
    assert letter(body).type == ""
