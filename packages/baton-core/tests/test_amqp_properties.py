"""The properties of a message, with aiormq's codec as the oracle."""

from __future__ import annotations

import random
import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from baton.message import Envelope
from baton.transports.amqp.properties import (
    BARE,
    Undecodable,
    decode_properties,
    encode_properties,
    short,
)
from baton.transports.rabbitmq_terms import envelope_of, properties_of

WHOLE = Envelope(
    message_id="m",
    correlation_id="c",
    reply_to="r",
    timestamp=1_700_000_000.9,
    expires=60.0,
    user_id="guest",
    app_id="baton",
    persistent=True,
    headers={"baton-target": ["a", "b"], "baton-version": 1, "end": {"outputs": 2}},
)


@pytest.mark.parametrize(
    "envelope",
    [WHOLE, Envelope(), Envelope(content_type=None), Envelope(message_id="", timestamp=0.0)],
)
def test_an_envelope_is_written_and_read_as_aiormq_does(envelope: Envelope) -> None:
    encoded = encode_properties(envelope)
    assert encoded == properties_of(envelope).marshal()
    assert decode_properties(b"before" + encoded, 6) == _oracle(encoded)


def test_properties_that_do_not_concern_an_envelope_are_passed_over() -> None:
    properties = Basic.Properties(
        content_type="text/plain",
        content_encoding="gzip",
        headers={"a": 1},
        priority=9,
        correlation_id="c",
        message_type="kind",
        app_id="other",
    )
    properties.cluster_id = "old"
    encoded = properties.marshal()
    assert decode_properties(encoded, 0) == _oracle(encoded)
    assert decode_properties(encoded, 0).app_id == "other"


def test_none_at_all() -> None:
    assert decode_properties(b"\x00\x00", 0) == BARE == _oracle(b"\x00\x00")


def test_more_flags_say_nothing() -> None:
    encoded = b"\x80\x01\xff\xff\x00\x00\x04text"
    assert decode_properties(encoded, 0) == Envelope(content_type="text") == _oracle(encoded)


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">HQ", 1 << 6, 1_700_000_000_000_000),
        struct.pack(">HQ", 1 << 6, 2**64 - 1),
        struct.pack(">HB", 1 << 6, 0),
        struct.pack(">H", 1 << 15) + b"\x02\xff\xfe",
        struct.pack(">H", 1 << 12),
        b"\x00\x01",
        b"\x00",
        b"",
    ],
    ids=["microseconds", "the last", "cut", "not UTF-8", "no mode", "endless", "half", "nothing"],
)
def test_what_cannot_be_decoded(data: bytes) -> None:
    with pytest.raises(Undecodable):
        decode_properties(data, 0)


@pytest.mark.parametrize("expiration", ["", "60s", "-1", "1e9", "٣"])
def test_an_expiration_that_is_no_number(expiration: str) -> None:
    encoded = Basic.Properties(expiration=expiration).marshal()
    assert decode_properties(encoded, 0).expires == _oracle(encoded).expires


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope(message_id="x" * 256),
        Envelope(timestamp=-1.0),
        Envelope(headers={"a": object()}),
        Envelope(headers={"a": 2**64}),
    ],
)
def test_what_properties_cannot_say(envelope: Envelope) -> None:
    with pytest.raises((TypeError, ValueError, struct.error)):
        encode_properties(envelope)


def test_a_short_string_has_at_most_255_bytes() -> None:
    assert short("ü") == b"\x02\xc3\xbc"
    assert len(short("x" * 255)) == 256
    with pytest.raises(ValueError, match="256 bytes"):
        short("ü" * 128)


def test_random_properties_are_read_and_written_as_aiormq_does() -> None:
    dice = random.Random(2)
    refused = 0
    for _ in range(3000):
        envelope = _random_envelope(dice)
        encoded = encode_properties(envelope)
        assert encoded == properties_of(envelope).marshal()
        data = bytearray(encoded)
        for _ in range(dice.randrange(3)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        try:
            expected = _oracle(bytes(data))
        except Exception:  # noqa: BLE001  (whatever pamqp raises)
            refused += 1
            with pytest.raises(Undecodable):
                decode_properties(bytes(data), 0)
        else:
            assert repr(decode_properties(bytes(data), 0)) == repr(expected)
    assert 100 < refused < 2700


def _oracle(encoded: bytes) -> Envelope:
    header = ContentHeader()
    header.unmarshal(struct.pack(">HHQ", 60, 0, 0) + encoded)
    return envelope_of(header.properties)


def _random_envelope(dice: random.Random) -> Envelope:
    def text() -> str | None:
        return dice.choice([None, "", "a" * dice.randrange(40), "ü€😀"])

    headers: dict[str, Any] = {
        f"h{number}": dice.choice([1, "text", [1, "a", None], {"a": {"b": True}}, 2**33, 0.5])
        for number in range(dice.randrange(4))
    }
    moment = datetime(2026, 1, 1, tzinfo=UTC).timestamp() + dice.randrange(10**9) / 1000
    return Envelope(
        message_id=text(),
        correlation_id=text(),
        reply_to=text(),
        timestamp=dice.choice([None, 0.0, moment]),
        expires=dice.choice([None, 0.0, 0.0001, 60.0, 1e9]),
        user_id=text(),
        app_id=text(),
        content_type=dice.choice([None, "application/json"]),
        persistent=dice.random() < 0.5,
        headers=headers,
    )
