"""A stream of bytes is cut into frames, wherever it was cut on its way."""

from __future__ import annotations

import pytest

from baton.transports.amqp.frames import BEAT, BODY, HEAD, HEARTBEAT, METHOD, Frames


def a_frame(kind: int, channel: int, carried: bytes) -> bytes:
    return HEAD.pack(kind, channel, len(carried)) + carried + b"\xce"


STREAM = a_frame(METHOD, 1, b"one") + BEAT + a_frame(BODY, 65535, b"\xce" * 300)


def test_whole_frames_are_told_by_where_they_are() -> None:
    frames = Frames()
    data, spans = frames.feed(STREAM)
    assert [(kind, channel, data[start:end]) for kind, channel, start, end in spans] == [
        (METHOD, 1, b"one"),
        (HEARTBEAT, 0, b""),
        (BODY, 65535, b"\xce" * 300),
    ]
    assert frames.kept == b""


@pytest.mark.parametrize("size", [1, 2, 6, 7, 8, 9, 100])
def test_what_is_not_whole_is_kept(size: int) -> None:
    frames = Frames()
    carried = []
    for at in range(0, len(STREAM), size):
        data, spans = frames.feed(STREAM[at : at + size])
        carried += [data[start:end] for _, _, start, end in spans]
    assert carried == [b"one", b"", b"\xce" * 300]
    assert frames.kept == b""
    assert not list(frames.feed(STREAM[:5])[1])
    assert frames.kept == STREAM[:5]


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (HEAD.pack(METHOD, 1, 0xFFFFFFFF), r"4,294,967,295 bytes, at most 131,072 are allowed"),
        (HEAD.pack(7, 1, 4) + bytes(5), "type 7"),
        (a_frame(METHOD, 1, b"one")[:-1] + b"\x00", "has no end"),
    ],
    ids=["too long", "of no type", "without an end"],
)
def test_what_is_no_frame_is_a_fault_and_ends_the_stream(wrong: bytes, fault: str) -> None:
    frames = Frames()
    _, spans = frames.feed(BEAT + wrong + BEAT)
    assert len(list(spans)) == 1
    assert fault in frames.fault
    data, spans = frames.feed(BEAT)
    assert (data, list(spans)) == (b"", [])
    assert frames.kept == b""


def test_frames_are_cut_as_they_are_asked_for() -> None:
    frames = Frames()
    _, spans = frames.feed(STREAM)
    assert next(spans)[0] == METHOD
    frames.limit = 100
    assert len(list(spans)) == 1
    assert "300 bytes, at most 100" in frames.fault


def test_what_was_read_by_whoever_asks_is_not_cut() -> None:
    frames = Frames()
    data, spans = frames.feed(STREAM + BEAT[:3])
    assert next(spans)[0] == METHOD
    frames.passed(len(STREAM) - len(BEAT) - 300)
    frames.passed(len(STREAM))
    assert list(spans) == []
    assert frames.kept == BEAT[:3]
    assert data == STREAM + BEAT[:3]


def test_a_frame_that_is_too_long_is_not_waited_for() -> None:
    frames = Frames()
    frames.limit = 100
    assert not list(frames.feed(HEAD.pack(BODY, 1, 101))[1])
    assert "101 bytes, at most 100" in frames.fault
