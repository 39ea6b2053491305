from __future__ import annotations

import asyncio
import struct

import pytest
from pamqp import frame
from pamqp.body import ContentBody
from pamqp.commands import Basic, Channel
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from baton.transports.refusals import SpeaksTLS
from baton.transports.tolerant_reader import TolerantReader

TIMESTAMP_FLAG = 1 << 6
OPENED = frame.marshal(Channel.OpenOk(), 1)


def content_header(flags: int, properties: bytes, size: int = 2) -> bytes:
    payload = struct.pack(">HHQH", 60, 0, size, flags) + properties
    return struct.pack(">BHI", 2, 1, len(payload)) + payload + b"\xce"


def nested(depth: int) -> bytes:
    table = b""
    for _ in range(depth):
        table = b"\x01aF" + struct.pack(">I", len(table)) + table
    return struct.pack(">I", len(table)) + table


async def read(data: bytes) -> list[object]:
    """The frames of *data*, read as aiormq reads them."""
    source = asyncio.StreamReader()
    source.feed_data(OPENED + data)
    source.feed_eof()
    reader = TolerantReader(source)
    await reader.readexactly(len(OPENED))
    frames: list[object] = []
    while not reader.at_eof():
        start = await reader.readexactly(1) + await reader.readexactly(6)
        size = frame.frame_parts(start)[2]
        assert size is not None
        frames.append(frame.unmarshal(start + await reader.readexactly(size + 1))[2])
    return frames


async def test_tells_of_each_frame_that_says_more_than_that_the_broker_lives() -> None:
    source = asyncio.StreamReader()
    frames: list[frame.FrameTypes] = [Heartbeat(), Basic.QosOk(), Heartbeat(), Basic.QosOk()]
    source.feed_data(b"".join(frame.marshal(each, 0) for each in frames))
    heard: list[None] = []
    reader = TolerantReader(source, lambda: heard.append(None))
    counts = []
    for each in frames:
        await reader.readexactly(len(frame.marshal(each, 0)))
        counts.append(len(heard))
    assert counts == [0, 1, 1, 2]


async def test_passes_on_what_can_be_decoded() -> None:
    sent = ContentHeader(0, 2, Basic.Properties(message_id="m", headers={"a": [1, {"b": None}]}))
    frames: list[frame.FrameTypes] = [
        Heartbeat(),
        Basic.Deliver("tag", 1, False, "ex", "key"),
        sent,
        ContentBody(b"{}"),
    ]
    data = b"".join(frame.marshal(each, 1) for each in frames)
    beat, _, header, body = await read(data)
    assert isinstance(beat, Heartbeat)
    assert isinstance(header, ContentHeader)
    assert header.marshal() == sent.marshal()
    assert isinstance(body, ContentBody)
    assert body.value == b"{}"


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
async def test_takes_other_properties_for_none(
    flags: int, properties: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    data = content_header(flags, properties) + frame.marshal(ContentBody(b"{}"), 1)
    header, body = await read(data)
    assert isinstance(header, ContentHeader)
    assert header.body_size == 2
    assert header.properties.marshal() == Basic.Properties().marshal()
    assert isinstance(body, ContentBody)
    assert body.value == b"{}"
    assert "cannot be decoded" in caplog.text


async def test_another_protocol_is_passed_on() -> None:
    source = asyncio.StreamReader()
    source.feed_data(b"AMQP\x00\x01\x00\x00")
    reader = TolerantReader(source)
    assert await reader.readexactly(1) + await reader.readexactly(6) == b"AMQP\x00\x01\x00"


async def test_the_end_within_a_frame_is_told() -> None:
    source = asyncio.StreamReader()
    source.feed_data(content_header(0, b"")[:-3])
    source.feed_eof()
    with pytest.raises(asyncio.IncompleteReadError):
        await TolerantReader(source).readexactly(1)


DELIVER = frame.marshal(Basic.Deliver("tag", 1, False, "ex", "key"), 1)


@pytest.mark.parametrize(
    "data",
    [
        DELIVER[:-1] + b"\xcf",
        b"\x09" + DELIVER[1:],
        DELIVER[:3] + b"\x80" + DELIVER[4:],
        DELIVER[:2] + b"\x03" + DELIVER[3:],
    ],
    ids=["another end", "another kind", "2 GB", "a channel that was not opened"],
)
async def test_what_is_no_frame_ends_the_connection(data: bytes) -> None:
    source = asyncio.StreamReader()
    source.feed_data(OPENED + data)
    reader = TolerantReader(source)
    assert await reader.readexactly(len(OPENED)) == OPENED
    with pytest.raises(ConnectionError, match="damaged"):
        await asyncio.wait_for(reader.readexactly(1), 5)


async def test_an_answer_in_tls_is_no_frame() -> None:
    with pytest.raises(SpeaksTLS):
        await read(b"\x15\x03\x03\x00\x02\x02\x0a")
