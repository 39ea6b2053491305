"""Messages read in one go are what they are frame by frame; what is not whole is left."""

from __future__ import annotations

import random
import struct

import pytest
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from amqp.stream import CHANNEL, QUEUE, TAG, Reader, content, damaged, delivery, frames
from baton.message import Envelope
from baton.transports.amqp.frames import BEAT, UNTUNED, Frames
from baton.transports.amqp.inbox import Malformed
from baton.transports.amqp.whole import WholeMessages
from baton.transports.base import Delivery

QUEUES = {TAG.encode(): QUEUE}
ENVELOPE = Envelope(message_id="m", expires=60.0, headers={"a": [1, {"b": None}]})


def read(stream: bytes, limit: int = UNTUNED) -> tuple[list[Delivery], int]:
    """The deliveries that stand whole at the beginning of *stream*, and where they end."""
    deliveries: list[Delivery] = []
    return deliveries, WholeMessages("here", QUEUES).read(stream, 0, limit, 5.0, deliveries)


def said(deliveries: list[Delivery]) -> list[tuple[object, ...]]:
    return [
        (d.queue, d.tag, d.routing_key, d.body, d.envelope, d.redelivered, d.delivery_count)
        for d in deliveries
    ]


def test_all_that_are_whole_are_read() -> None:
    again = Basic.Deliver(TAG, 3, True, "contract_in", "ü")
    counted = Envelope(headers={"x-delivery-count": 2})
    stream = delivery(1, b"one", "key", ENVELOPE) + delivery(2, b"") + frames(again)
    stream += frames(*content(b"three", counted))
    deliveries, end = read(stream + BEAT)
    assert end == len(stream)
    assert said(deliveries) == [
        (QUEUE, 1, "key", b"one", ENVELOPE, False, 0),
        (QUEUE, 2, "a", b"", Envelope(message_id="m2"), False, 0),
        (QUEUE, 3, "ü", b"three", counted, True, 2),
    ]
    assert {(each.channel, each.received) for each in deliveries} == {("here", 5.0)}


@pytest.mark.parametrize(
    "rest",
    [
        delivery(2, b"x" * 2500),
        b"\x01\x00\x07" + delivery(2)[3:],
        frames(Basic.Ack(1)),
        frames(Basic.ConsumeOk("tag")),
        frames(Basic.Deliver("other", 2, False, "ex", "a"), *content(b"{}", ENVELOPE)),
        frames(Basic.Deliver(TAG, 2, False, "ex", "a"), Basic.Ack(1)),
        frames(Basic.Deliver(TAG, 2, False, "ex", "a"), ContentHeader(0, 3)) + BEAT,
        frames(Basic.Deliver(TAG, 2, False, "ex", "a"))
        + struct.pack(">BHIHHQHHB", 2, CHANNEL, 16, 60, 0, 0, 1 << 15, 0xFFFF, 0xCE),
    ],
    ids=[
        "several bodies",
        "a method of another channel",
        "an answer",
        "aio-pika's",
        "a consumer that nobody asked for",
        "no content",
        "a body that is none",
        "properties that cannot be decoded",
    ],
)
def test_what_is_not_a_whole_message_of_the_channel_is_left(rest: bytes) -> None:
    deliveries, end = read(delivery(1) + rest)
    assert end == len(delivery(1))
    assert [each.tag for each in deliveries] == [1]
    assert read(rest) == ([], 0)


def test_frames_that_carry_more_than_is_allowed_are_left() -> None:
    long = delivery(1, b"x" * 100, "k" * 100, Envelope(message_id="m" * 200))
    assert read(long, 300)[1] == len(long)
    for limit in (50, 120, 210):
        assert read(delivery(1, b"x" * limit * 2, "k"), limit) == ([], 0)
        assert read(long, limit) == ([], 0)


def test_wherever_a_message_ends_too_early_it_is_left() -> None:
    stream = delivery(1, b"body", "key", ENVELOPE)
    assert [read(stream[:at])[1] for at in range(len(stream))] == [0] * len(stream)


def test_whatever_is_damaged_what_is_read_is_the_same_frame_by_frame() -> None:
    dice = random.Random(8)
    same = 0
    for _ in range(3000):
        stream = damaged(dice, delivery(1, b"one", "key", ENVELOPE) + delivery(2))
        deliveries, end = read(stream)
        reader = Reader()
        data, spans = Frames().feed(stream[:end])
        try:
            for kind, channel, start, stop in spans:
                assert channel == CHANNEL or end == 0
                assert reader.read(kind, (start, stop), data, 0, 5.0)
        except Malformed:
            pytest.fail(f"read at once, but not frame by frame: {stream!r}")
        assert said(reader.take().delivered) == said(deliveries)
        same += bool(deliveries)
    assert 300 < same < 3000
