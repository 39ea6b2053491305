"""The tap takes what is the data path's out of the stream, and nothing else."""

from __future__ import annotations

import random
import time

import pytest
from pamqp.commands import Basic, Channel, Connection, Queue
from pamqp.heartbeat import Heartbeat

from amqp.stream import CHANNEL, Reader, check, damaged, delivery, frames, hear, session
from baton.transports.amqp.frames import BEAT, LARGEST, UNTUNED
from baton.transports.amqp.tap import Damaged, Tap
from baton.transports.refusals import SpeaksTLS

OTHERS = frames(Queue.DeclareOk("q", 1, 2), channel=2)
CONSUMED = frames(Basic.ConsumeOk("tag"))


class Clock:
    """The time, which stands still unless it is put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._began = time.monotonic()

    def __call__(self) -> float:
        return self._began + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def tap(reader: Reader) -> Tap:
    tap = Tap(lambda _: None, lambda: None)
    tap.attach(CHANNEL, reader)
    tap.feed(frames(Channel.OpenOk(), channel=2))
    return tap


def test_readers_tell_once_what_they_read_of_all_that_came(tap: Tap, reader: Reader) -> None:
    other = Reader()
    tap.attach(7, other)
    tap.feed(OTHERS)
    tap.tell()
    assert reader.told == other.told == 0
    tap.feed(delivery(1) + OTHERS + frames(Basic.Ack(1)))
    assert reader.told == 0, "it is still to be passed on"
    tap.tell()
    tap.tell()
    assert (reader.told, other.told) == (1, 0)
    tap.feed(delivery(2) + frames(Basic.Ack(1))[:-1] + bytes(1))
    tap.tell()
    assert tap.fault is not None
    assert reader.told == 2, "what came before a fault is told, too"


def test_other_frames_are_passed_on_unchanged_and_in_order(tap: Tap, reader: Reader) -> None:
    stream = OTHERS + delivery(1) + CONSUMED + BEAT + frames(Basic.Ack(1)) + OTHERS
    assert tap.feed(stream) == OTHERS + CONSUMED + BEAT + OTHERS
    heard = reader.take()
    assert len(heard.delivered) == 1
    assert heard.confirmed == [10]


def test_a_channel_that_is_not_attached_is_passed_on_whole() -> None:
    stream = frames(Channel.OpenOk()) + delivery(1)
    assert Tap(lambda _: None, lambda: None).feed(stream) == stream


def test_each_frame_that_says_more_than_that_the_broker_lives_is_told() -> None:
    heard: list[None] = []
    tap = Tap(lambda _: None, lambda: heard.append(None))
    tap.attach(CHANNEL, Reader())
    tap.feed(BEAT + frames(Channel.OpenOk(), channel=2) + BEAT + OTHERS[:3])
    assert len(heard) == 1
    tap.feed(OTHERS[3:] + CONSUMED + delivery(1))
    assert len(heard) == 3


@pytest.mark.parametrize("method", [Basic.QosOk(), Channel.CloseOk(), Channel.Open()])
def test_a_channel_that_was_not_opened_is_a_damaged_frame(
    tap: Tap, method: Basic.QosOk | Channel.CloseOk | Channel.Open
) -> None:
    assert tap.feed(OTHERS + frames(method, channel=3) + OTHERS) == OTHERS
    assert "damaged (a frame for the channel 3" in str(tap.fault)


def test_the_content_of_interleaved_channels(tap: Tap) -> None:
    other = Reader()
    tap.attach(7, other)
    stream = b"".join(
        first + second
        for first, second in zip(
            _frames_of(delivery(1, b"x" * 3000)),
            _frames_of(_on_channel(7, delivery(1, b"y" * 3000))),
            strict=True,
        )
    )
    assert tap.feed(BEAT + stream) == BEAT
    assert [each.body for each in other.take().delivered] == [b"y" * 3000]


@pytest.mark.parametrize("method", [Channel.Close(404, "NOT_FOUND", 60, 40), Channel.CloseOk()])
def test_a_closed_channel_is_not_read_any_more(
    tap: Tap, reader: Reader, method: Channel.Close
) -> None:
    closing = frames(method)
    reopened = frames(Channel.OpenOk()) + delivery(1)
    assert tap.feed(delivery(1) + closing + reopened).startswith(closing + reopened[:10])
    assert reader.closed == 1
    assert len(reader.take().delivered) == 1
    new = Reader()
    tap.attach(CHANNEL, new)
    assert tap.feed(delivery(1)) == b""
    assert len(new.take().delivered) == 1


@pytest.mark.parametrize(
    ("said", "understood"),
    [(131072, 131064), (0, LARGEST - 8), (10, 4088), (2**32 - 1, LARGEST - 8)],
)
def test_it_hears_how_large_frames_may_be(said: int, understood: int) -> None:
    tap = Tap(lambda _: None, lambda: None)
    assert tap.frame_limit == UNTUNED
    tap.feed(frames(Connection.Tune(2047, said, 10), channel=0))
    assert tap.frame_limit == understood


def test_it_hears_whether_the_broker_takes_messages() -> None:
    heard: list[str | None] = []
    tap = Tap(heard.append, lambda: None)
    stream = frames(Connection.Blocked("low on memory"), Connection.Unblocked(), channel=0)
    assert tap.feed(stream) == stream, "aio-pika hears it, too"
    assert heard == ["low on memory", None]


def test_aio_pika_is_told_that_a_busy_broker_lives(clock: Clock, tap: Tap) -> None:
    tap.feed(BEAT)
    assert tap.feed(delivery(1)) == b""
    clock.ahead += 1.0
    assert tap.feed(delivery(2)) == BEAT
    assert tap.feed(delivery(3)) == b""
    clock.ahead += 1.0
    assert tap.feed(delivery(4)[:5]) == BEAT, "a part of a frame is a sign of life, too"
    clock.ahead += 1.0
    assert tap.feed(delivery(4)[5:] + OTHERS) == OTHERS


def test_it_knows_when_the_last_byte_came(clock: Clock, tap: Tap) -> None:
    before = tap.heard
    clock.ahead += 5
    tap.feed(BEAT[:1])
    assert tap.heard - before == pytest.approx(5)


def test_another_protocol_is_passed_on() -> None:
    tap = Tap(lambda _: None, lambda: None)
    assert tap.feed(b"AM") == b""
    assert tap.end() == b"AM"
    assert tap.feed(b"QP\x00\x01\x00\x00") == b"AMQP\x00\x01\x00\x00"
    assert tap.feed(b"more") == b"more"
    assert tap.fault is None


def test_an_answer_in_tls_is_no_frame() -> None:
    tap = Tap(lambda _: None, lambda: None)
    assert tap.feed(b"\x15\x03\x03\x00\x02\x02\x0a") == b""
    assert isinstance(tap.fault, SpeaksTLS)


def test_the_end_within_a_frame_is_told(tap: Tap) -> None:
    tap.feed(delivery(1)[:-3])
    assert tap.end() == delivery(1)[:-3][-len(tap.end()) :]
    assert tap.end()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (b"\x01\x00\x01\xff\xff\xff\xff" + bytes(9), "4,294,967,295 bytes"),
        (frames(Basic.Ack(1))[:-1] + b"\x00", "has no end"),
        (delivery(1)[: -len(b"{}") - 8] + frames(Basic.Ack(1)), "within a message"),
    ],
)
def test_after_a_fault_nothing_is_read(tap: Tap, wrong: bytes, why: str) -> None:
    assert tap.feed(OTHERS + wrong + OTHERS) == OTHERS
    assert isinstance(tap.fault, Damaged)
    assert why in str(tap.fault)
    fault = tap.fault
    assert tap.feed(OTHERS) == b""
    assert tap.fault is fault


def test_wherever_a_stream_is_cut_the_same_is_heard() -> None:
    dice = random.Random(4)
    for _ in range(40):
        stream = session(dice)
        assert hear([stream])[5] is None, "all of it is allowed"
        check(dice.randbytes(4) + stream)


def test_whatever_is_damaged_nothing_is_raised() -> None:
    dice = random.Random(5)
    faults = 0
    for _ in range(400):
        stream = damaged(dice, session(dice, 10))
        check(dice.randbytes(4) + stream)
        faults += hear([stream])[5] is not None
    assert 100 < faults < 400


def test_whatever_comes_nothing_is_raised() -> None:
    dice = random.Random(6)
    for _ in range(300):
        check(dice.randbytes(dice.randrange(200)))


def _on_channel(channel: int, stream: bytes) -> bytes:
    return b"".join(each[:1] + channel.to_bytes(2, "big") + each[3:] for each in _frames_of(stream))


def _frames_of(stream: bytes) -> list[bytes]:
    found = []
    while stream:
        end = 8 + int.from_bytes(stream[3:7], "big")
        found.append(stream[:end])
        stream = stream[end:]
    return found


def test_a_heartbeat_on_a_data_channel_is_passed_on(tap: Tap) -> None:
    assert tap.feed(frames(Heartbeat())) == frames(Heartbeat())
