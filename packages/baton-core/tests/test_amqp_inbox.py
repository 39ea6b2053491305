"""What arrives on a data channel: read as it came, and whatever is wrong with it costs nothing but
itself, if only its frames are in order."""

from __future__ import annotations

import struct

import pytest
from pamqp.body import ContentBody
from pamqp.commands import Basic, Queue
from pamqp.header import ContentHeader

from amqp.stream import CHANNEL, QUEUE, TAG, Reader, content, delivery, frames, returned
from baton.message import Envelope
from baton.transports import MAX_MESSAGE_SIZE
from baton.transports.amqp.frames import HEADER, METHOD, UNTUNED, Frames
from baton.transports.amqp.inbox import Heard, Malformed
from baton.transports.amqp.properties import BARE

ONE_BY_ONE = 0
"""No message fits into frames that carry nothing: each frame is read by itself."""
TIMESTAMP_FLAG = 1 << 6


def read(stream: bytes) -> Heard:
    """What is heard of *stream*."""
    reader = Reader()
    data, spans = Frames().feed(stream)
    for kind, channel, start, end in spans:
        assert channel == CHANNEL
        assert reader.read(kind, (start, end), data, ONE_BY_ONE, 1.0) == end + 1
    return reader.take()


def header(flags: int, properties: bytes, size: int = 2) -> bytes:
    payload = struct.pack(">HHQH", 60, 0, size, flags) + properties
    return struct.pack(">BHI", HEADER, CHANNEL, len(payload)) + payload + b"\xce"


def method(index: tuple[int, int], arguments: bytes) -> bytes:
    payload = struct.pack(">HH", *index) + arguments
    return struct.pack(">BHI", METHOD, CHANNEL, len(payload)) + payload + b"\xce"


def nested(depth: int) -> bytes:
    table = b""
    for _ in range(depth):
        table = b"\x01aF" + struct.pack(">I", len(table)) + table
    return struct.pack(">I", len(table)) + table


def test_deliveries() -> None:
    envelope = Envelope(message_id="m", headers={"a": [1, {"b": None}]})
    again = frames(Basic.Deliver(TAG, 3, True, "contract_in", ""), *content(b"", envelope))
    stream = delivery(1, b"one", "key", envelope) + delivery(2, b"x" * 2500) + again
    first, second, third = read(stream).delivered
    assert (first.queue, first.tag, first.routing_key, first.body) == (QUEUE, 1, "key", b"one")
    assert first.envelope == envelope
    assert first.delivery_count == 0
    assert not first.redelivered
    assert second.body == b"x" * 2500
    assert (third.tag, third.routing_key, third.body, third.redelivered) == (3, "", b"", True)


def test_how_often_it_was_delivered() -> None:
    came = delivery(1, envelope=Envelope(headers={"x-delivery-count": 3}))
    assert read(came).delivered[0].delivery_count == 0  # a client has said so
    again = (
        frames(Basic.Deliver(TAG, 1, True, "contract_in", "a")) + came[came.index(b"\xce") + 1 :]
    )
    assert read(again).delivered[0].delivery_count == 3


def test_answers_to_publications() -> None:
    heard = read(
        frames(Basic.Ack(2, False), Basic.Nack(3, False), Basic.Ack(5, True), Basic.Ack(99, False))
    )
    assert heard.confirmed == [20, 10, 40, 50]
    assert heard.refused == [30]


def test_what_comes_back() -> None:
    heard = read(returned("a", "m4") + returned("a", "m2") + returned("b", "m6"))
    assert heard.returned == [40, 20]
    assert not heard.delivered


def test_a_routing_key_of_any_bytes_is_shown() -> None:
    key = method((60, 60), b"\x0c" + TAG.encode() + bytes(7) + b"\x01\x00\x02ex\x02\xff\xfe")
    heard = read(key + frames(*content(b"{}", Envelope())))
    assert heard.delivered[0].routing_key == "\N{REPLACEMENT CHARACTER}" * 2


@pytest.mark.parametrize(
    ("flags", "properties"),
    [
        (TIMESTAMP_FLAG, struct.pack(">Q", 1_700_000_000_000_000)),
        (TIMESTAMP_FLAG, struct.pack(">Q", 2**64 - 1)),
        (TIMESTAMP_FLAG, b"\x00"),
        (1 << 13, nested(10_000)),
        (1 << 15, b"\x02\xff\xfe"),
        (1, b""),
    ],
    ids=["microseconds", "the last", "cut short", "nested", "not UTF-8", "endless flags"],
)
def test_properties_that_cannot_be_decoded_are_taken_for_none(
    flags: int, properties: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    bad = frames(Basic.Deliver(TAG, 1, False, "ex", "a")) + header(flags, properties)
    first, second = read(bad + frames(ContentBody(b"{}")) + delivery(2)).delivered
    assert first.envelope == BARE
    assert first.body == b"{}"
    assert second.envelope.message_id == "m2"
    assert "cannot be decoded" in caplog.text


def test_a_body_that_is_too_large_is_taken_for_empty(caplog: pytest.LogCaptureFixture) -> None:
    size = MAX_MESSAGE_SIZE + 1
    part = b"x" * 65536
    stream = frames(Basic.Deliver(TAG, 1, False, "ex", "a"), ContentHeader(0, size))
    stream += frames(ContentBody(part)) * (size // len(part)) + frames(ContentBody(b"x"))
    first, second = read(stream + delivery(2)).delivered
    assert first.body == b""
    assert second.body == b"{}"
    assert "16,777,217 bytes" in caplog.text


def test_a_size_beyond_all_memory_is_not_kept_for() -> None:
    heard = read(
        frames(Basic.Deliver(TAG, 1, False, "ex", "a"), ContentHeader(0, 2**63))
        + frames(ContentBody(b"x" * 1000)) * 100
    )
    assert not heard.delivered


def test_what_is_not_for_the_data_path_is_left_to_others() -> None:
    reader = Reader()
    data, spans = Frames().feed(frames(Basic.ConsumeOk("a"), Queue.DeclareOk("q", 0, 0)))
    assert [
        reader.read(kind, (start, end), data, UNTUNED, 1.0) for kind, _, start, end in spans
    ] == [0, 0]


def test_whole_messages_are_read_with_the_frame_that_begins_them() -> None:
    reader = Reader()
    first, second, rest = delivery(1), delivery(2), delivery(3)[:-1]
    data, spans = Frames().feed(first + second + rest)
    kind, _, start, end = next(spans)
    assert reader.read(kind, (start, end), data, UNTUNED, 1.0) == len(first + second)
    assert [each.tag for each in reader.take().delivered] == [1, 2]
    kind, _, start, end = [*spans][5]
    assert reader.read(kind, (start, end), data, UNTUNED, 1.0) == end + 1, "it is not whole"
    with pytest.raises(Malformed, match="within a message"):
        reader.read(kind, (start, end), data, UNTUNED, 1.0)


@pytest.mark.parametrize(
    "stream",
    [
        frames(Basic.Deliver("other", 1, False, "ex", "a")),
        frames(Basic.Deliver(TAG, 1, False, "ex", "a"), Basic.Ack(1)),
        frames(Basic.Deliver(TAG, 1, False, "ex", "a"), ContentBody(b"{}")),
        frames(*content(b"{}", Envelope())),
        frames(ContentBody(b"{}")),
        frames(Basic.Deliver(TAG, 1, False, "ex", "a"), ContentHeader(0, 1), ContentBody(b"{}")),
        frames(Basic.Deliver(TAG, 1, False, "ex", "a"), ContentHeader(0, 2), ContentHeader(0, 2)),
        method((60, 60), b"\xff"),
        method((60, 60), b"\x00" + bytes(9) + b"\x00\x05a"),
        method((60, 50), bytes(2) + b"\x09"),
        method((60, 80), bytes(8)),
        method((60, 80), bytes(10)),
        method((60, 80), b"")[:-1] + b"\xce",
        struct.pack(">BHIB", METHOD, CHANNEL, 1, 0) + b"\xce",
        frames(Basic.Deliver(TAG, 1, False, "ex", "a"))
        + struct.pack(">BHIB", HEADER, CHANNEL, 1, 0)
        + b"\xce",
    ],
)
def test_frames_that_no_broker_sends(stream: bytes) -> None:
    with pytest.raises(Malformed):
        read(stream + bytes(0))
