"""Frames, found in a stream however it is cut to pieces."""

from __future__ import annotations

import random
import struct

import pytest

from lines.frames import Frames, damaged, is_heartbeat


def frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, 1, len(payload)) + payload + b"\xce"


GREETING = b"AMQP\x00\x00\x09\x01"
STREAM = [GREETING, frame(1, b"method"), frame(8, b""), frame(3, b"\xce" * 700), frame(2, b"h")]


@pytest.mark.parametrize("seed", range(5))
def test_frames_come_whole_however_the_stream_is_cut(seed: int) -> None:
    chance = random.Random(seed)
    data, frames, found = b"".join(STREAM), Frames(), list[bytes]()
    while data:
        size = chance.randint(1, 20)
        found += frames.feed(data[:size])
        data = data[size:]
    assert found == STREAM
    assert frames.is_amqp
    assert frames.end() == b""


@pytest.mark.parametrize("data", [b"one", b"\x16\x03\x01", b"\x01\x00\x01\xff\xff\xff\xff..."])
def test_what_is_no_amqp_passes_as_it_comes(data: bytes) -> None:
    frames = Frames()
    assert list(frames.feed(data)) == [data]
    assert not frames.is_amqp
    assert list(frames.feed(b"AMQ")) == [b"AMQ"]


def test_a_frame_with_another_end_is_the_last_that_is_looked_for() -> None:
    frames = Frames()
    broken = frame(1, b"method")[:-1] + b"\x00"
    assert list(frames.feed(broken + b"rest")) == [broken, b"rest"]
    assert not frames.is_amqp


def test_what_is_left_at_the_end() -> None:
    frames = Frames()
    assert list(frames.feed(STREAM[1][:9])) == []
    assert frames.end() == STREAM[1][:9]


def test_heartbeats_are_known_and_one_bit_is_damaged() -> None:
    assert [is_heartbeat(each) for each in STREAM] == [False, False, True, False, False]
    assert damaged(STREAM[2], -1, 0) == STREAM[2][:-1] + b"\xcf"
    assert damaged(STREAM[2], 0, 3) == b"\x00" + STREAM[2][1:]
