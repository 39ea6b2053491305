"""Streams of bytes as a broker sends them, and what has to hold for whatever arrives.

:func:`check` is a plain function of bytes, for a fuzzer as well.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from pamqp import frame
from pamqp.body import ContentBody
from pamqp.commands import Basic, Channel, Connection, Queue
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from baton.message import Envelope
from baton.transports import Publication
from baton.transports.amqp.confirms import Confirms
from baton.transports.amqp.inbox import Heard, Inbox
from baton.transports.amqp.tap import Attached, Tap
from baton.transports.rabbitmq_terms import properties_of

TAG = "contract.q.0"
QUEUE = "contract.q"
CHANNEL = 1
PUBLISHED = 20
"""Publications that are under way, every second one of them mandatory."""


def frames(*values: frame.FrameTypes, channel: int = CHANNEL) -> bytes:
    """*values* as they go over the wire."""
    return b"".join(frame.marshal(value, channel) for value in values)


def content(body: bytes, envelope: Envelope, size: int = 1000) -> list[frame.FrameTypes]:
    """The header and the body of a message, in frames of at most *size* bytes."""
    header = ContentHeader(0, len(body), properties_of(envelope))
    bodies = [ContentBody(body[at : at + size]) for at in range(0, len(body), size)]
    return [header, *bodies]


def delivery(
    tag: int, body: bytes = b"{}", key: str = "a", envelope: Envelope | None = None
) -> bytes:
    """A delivery on the data channel."""
    method = Basic.Deliver(TAG, tag, False, "contract_in", key)
    return frames(method, *content(body, envelope or Envelope(message_id=f"m{tag}")))


def returned(key: str, message_id: str) -> bytes:
    """A message that comes back on the data channel."""
    method = Basic.Return(312, "NO_ROUTE", "contract_in", key)
    return frames(method, *content(b"{}", Envelope(message_id=message_id)))


class Reader(Attached):
    """What reads the data channel, with publications under way."""

    def __init__(self) -> None:
        confirms = Confirms()
        for number in range(1, PUBLISHED + 1):
            confirms.sent(
                Publication(
                    number * 10,
                    "contract_in",
                    "a",
                    b"{}",
                    Envelope(message_id=f"m{number}"),
                    mandatory=number % 2 == 0,
                )
            )
        self._inbox = Inbox(self, {TAG.encode(): QUEUE}, confirms)
        self.closed = 0
        self.told = 0

    def tell(self) -> None:
        self.told += 1

    def read(self, kind: int, span: tuple[int, int], data: bytes, limit: int, now: float) -> int:
        return self._inbox.read(kind, span, data, limit)

    def detached(self) -> None:
        self.closed += 1

    def take(self) -> Heard:
        """What was heard; deliveries are compared by what they say."""
        return self._inbox.take()


def hear(pieces: Iterator[bytes] | list[bytes]) -> tuple[object, ...]:
    """What is heard and passed on of a stream that comes in *pieces*."""
    reader = Reader()
    blocked: list[str | None] = []
    tap = Tap(blocked.append, lambda: None)
    tap.attach(CHANNEL, reader)
    passed = b""
    for piece in pieces:
        passed += tap.feed(piece)
    passed = passed.replace(frame.marshal(Heartbeat(), 0), b"")
    if tap.fault is None:
        passed += tap.end()
    heard = reader.take()
    deliveries = [
        (each.queue, each.tag, each.routing_key, each.body, repr(each.envelope), each.redelivered)
        for each in heard.delivered
    ]
    said = (heard.confirmed, heard.refused, heard.returned)
    fault = None if tap.fault is None else str(tap.fault)
    return deliveries, said, blocked, reader.closed, passed, fault, tap.frame_limit


def check(data: bytes) -> None:
    """Whatever arrives: nothing is raised, the same is heard however it is cut, and what is passed
    on was in the stream. The first bytes of *data* say how it is cut."""
    cut = random.Random(data[:4])
    stream = data[4:]
    whole = hear([stream])
    assert hear(pieces(stream, cut)) == whole
    passed = whole[4]
    assert isinstance(passed, bytes)
    assert len(passed) <= len(stream)


def pieces(stream: bytes, cut: random.Random) -> Iterator[bytes]:
    """*stream* in pieces of random lengths."""
    longest = cut.choice((3, 20, 300, 9000))
    at = 0
    while at < len(stream):
        size = cut.randint(1, longest)
        yield stream[at : at + size]
        at += size


def session(dice: random.Random, length: int = 40) -> bytes:
    """A stream as a broker may send it: any frames in any order that is allowed."""
    parts = [frames(Connection.Tune(2047, dice.choice((0, 4096, 131072)), 10), channel=0)]
    parts.append(frames(Channel.OpenOk(), channel=2))
    for tag in range(1, length + 1):
        match dice.randrange(9):
            case 0 | 1 | 2:
                body = dice.randbytes(dice.choice((0, 1, 50, 3000)))
                parts.append(delivery(tag, body, dice.choice(("", "a", "ü"))))
            case 3:
                ack = Basic.Ack(dice.randint(0, PUBLISHED + 2), dice.random() < 0.5)
                parts.append(frames(ack))
            case 4:
                nack = Basic.Nack(dice.randint(0, PUBLISHED + 2), dice.random() < 0.3)
                parts.append(frames(nack))
            case 5:
                parts.append(returned("a", f"m{dice.randint(1, PUBLISHED + 2)}"))
            case 6:
                parts.append(frames(Heartbeat(), channel=0))
            case 7:
                parts.append(frames(Queue.DeclareOk("q", 1, 2), Basic.QosOk(), channel=2))
            case _:
                word = Connection.Blocked("low on memory") if tag % 2 else Connection.Unblocked()
                parts.append(frames(word, channel=0))
    if dice.random() < 0.3:
        parts.append(frames(Channel.Close(404, "NOT_FOUND", 60, 40)))
        parts.append(frames(Channel.OpenOk()))
    return b"".join(parts)


def damaged(dice: random.Random, stream: bytes) -> bytes:
    """*stream* with a few bytes changed, taken out or put in."""
    broken = bytearray(stream)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(broken))
        match dice.randrange(3):
            case 0:
                broken[at] = dice.randrange(256)
            case 1:
                del broken[at : at + dice.randint(1, 9)]
            case _:
                broken[at:at] = dice.randbytes(dice.randint(1, 9))
    return bytes(broken)
