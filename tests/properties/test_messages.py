"""Bodies, properties and headers, whatever is in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from baton.errors import InvalidMessage
from baton.message import Envelope, decode_body, encode_body
from baton.transports.rabbitmq_terms import envelope_of, properties_of
from fuzz.targets import load
from fuzz.targets.properties import check_envelope
from properties.strategies import bodies, envelopes, objects, texts, values


@given(bodies)
def test_a_body_is_read_or_refused(body: bytes) -> None:
    load("message")(body)


@given(objects)
def test_a_body_arrives_as_it_was_sent(body: dict[str, Any]) -> None:
    try:
        sent = encode_body(body)
    except ValueError:  # of more digits than Python writes
        return
    assert decode_body(sent) == body


@given(st.dictionaries(texts, texts, max_size=3))
def test_half_of_a_pair_is_never_sent(body: dict[str, str]) -> None:
    received = decode_body(encode_body({**body, "type": "info"}))
    assert len(received) <= len(body) + 1
    json.dumps(received, ensure_ascii=False).encode()


@given(values)
def test_only_an_object_with_a_type_is_a_message(value: Any) -> None:
    is_one = isinstance(value, dict) and isinstance(value.get("type"), str)
    try:
        assert decode_body(json.dumps(value).encode()) == value
        assert is_one
    except InvalidMessage as error:
        assert not is_one or "digits" in str(error)  # noqa: PT017


@given(envelopes)
def test_an_envelope_can_be_worked_with(envelope: Envelope) -> None:
    check_envelope(envelope)


@given(envelopes)
def test_an_envelope_arrives_as_it_was_sent(envelope: Envelope) -> None:
    found = envelope_of(properties_of(envelope))
    for name in ("message_id", "correlation_id", "reply_to", "user_id", "app_id", "persistent"):
        assert getattr(found, name) == getattr(envelope, name)
    assert found.timestamp == pytest.approx(envelope.timestamp)
    assert found.expires == pytest.approx(envelope.expires)
    assert dict(found.headers) == dict(envelope.headers)


@given(envelopes, st.integers(0, 400), st.integers(0, 255))
def test_a_header_that_was_damaged_on_its_way(envelope: Envelope, place: int, byte: int) -> None:
    try:
        sent = bytearray(ContentHeader(0, 2, properties_of(envelope)).marshal()[12:])
    except Exception:  # noqa: BLE001  (pamqp does not send everything that it reads)
        sent = bytearray(ContentHeader(0, 2, Basic.Properties(message_id="m")).marshal()[12:])
    sent[place % len(sent)] = byte
    load("properties")(bytes(sent))


@given(st.binary(max_size=200))
def test_properties_that_are_none(data: bytes) -> None:
    load("properties")(data)
