"""What was run before."""

from __future__ import annotations

from typing import Any

from baton.message import Envelope
from baton.remembered import Remembered
from baton.transports import Delivery


def delivery(message_id: str | None = None, **values: Any) -> Delivery:
    raw, redelivered = values.get("raw", b"{}"), values.get("redelivered", False)
    return Delivery("queue", 1, None, "production", raw, Envelope(message_id), redelivered, 0.0)


def test_an_id_runs_once() -> None:
    remembered = Remembered(2)
    assert not remembered.ran_before(delivery("a"))
    assert remembered.ran_before(delivery("a"))
    assert remembered.ran_before(delivery("a", raw=b"other"))


def test_the_oldest_is_forgotten() -> None:
    remembered = Remembered(2)
    for message_id in "abc":
        assert not remembered.ran_before(delivery(message_id))
    assert len(remembered) == 2
    assert remembered.ran_before(delivery("c"))
    assert not remembered.ran_before(delivery("a"))


def test_without_an_id_only_what_was_interrupted_and_comes_again() -> None:
    remembered = Remembered(2)
    assert not remembered.ran_before(delivery())
    assert not remembered.ran_before(delivery(redelivered=True))
    remembered.interrupted([delivery(), delivery("a")])
    assert not remembered.ran_before(delivery())
    assert not remembered.ran_before(delivery(raw=b"other", redelivered=True))
    assert remembered.ran_before(delivery(redelivered=True))
    assert not remembered.ran_before(delivery(redelivered=True))
    assert not remembered.ran_before(delivery("a", redelivered=True))


def test_what_was_rejected_is_known_as_long_as_it_is_remembered() -> None:
    remembered = Remembered(1)
    remembered.note_rejected(delivery("a"))  # of which it never heard
    assert not remembered.was_rejected(delivery("a"))
    assert not remembered.ran_before(delivery("a"))
    assert not remembered.was_rejected(delivery("a"))
    remembered.note_rejected(delivery("a"))
    assert remembered.ran_before(delivery("a"))
    assert remembered.was_rejected(delivery("a"))
    remembered.note_rejected(delivery())
    assert not remembered.was_rejected(delivery())
    remembered.ran_before(delivery("b"))
    assert not remembered.was_rejected(delivery("a"))
    assert len(remembered) == 1


def test_what_was_rejected_without_an_id_is_known_once() -> None:
    remembered = Remembered(1)
    remembered.interrupted([delivery(), delivery()])
    remembered.note_rejected(delivery(raw=b"other"))  # it was not interrupted: it does not come
    for _ in range(3):
        remembered.note_rejected(delivery())
    assert [remembered.was_rejected(delivery()) for _ in range(3)] == [True, True, False]
    remembered.note_rejected(delivery())
    remembered.interrupted([])
    remembered.note_rejected(delivery())
    assert not remembered.was_rejected(delivery())
    assert not remembered.was_rejected(delivery(raw=b"other"))
