"""The data path on a tap, with a broker that follows a script."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import aiormq
import pytest
from pamqp.commands import Basic, Channel, Connection

from amqp.peer import FRAME_MAX, Peer
from amqp.sessions import session
from amqp.stream import TAG, content, delivery, frames
from baton.errors import MessageTooLarge, NotFound
from baton.message import Envelope
from baton.transports import Publication
from baton.transports.amqp.tapped import MOST_UNSENT
from baton.transports.rabbitmq import RabbitTransport
from integration.recorder import Recorder

QUEUE = "contract.q"
Open = tuple[RabbitTransport, Recorder]


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """A broker that answers no publication by itself."""
    async with Peer() as peer:
        yield peer


@pytest.fixture
async def opened(peer: Peer) -> AsyncIterator[Open]:
    async with session(peer) as both:
        yield both


def publication(number: int, key: str = "a", body: bytes = b"{}", **values: bool) -> Publication:
    return Publication(number, "ex", key, body, Envelope(message_id=f"m{number}"), **values)


def on_data_channel(peer: Peer, stream: bytes) -> bytes:
    """*stream*, which is of channel 1, on the data channel."""
    channel = peer.opened[-1].to_bytes(2, "big")
    moved = b""
    while stream:
        end = 8 + int.from_bytes(stream[3:7], "big")
        moved += stream[:1] + channel + stream[3:end]
        stream = stream[end:]
    return moved


async def test_deliveries_that_come_before_their_consumer_is_confirmed(
    peer: Peer, opened: Open
) -> None:
    transport, seen = opened
    peer.before_consume_ok = on_data_channel(peer, delivery(1) + delivery(2))
    await transport.consume(QUEUE, 10)
    assert not seen.deliveries, "whoever consumes knows it first"
    peer.send(on_data_channel(peer, delivery(3)))
    await seen.until(lambda: len(seen.deliveries) == 3)
    assert [each.tag for each in seen.deliveries] == [1, 2, 3]
    assert {each.queue for each in seen.deliveries} == {QUEUE}


async def test_a_listener_that_raises_does_not_cost_the_connection(
    peer: Peer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport, seen = opened
    loop = asyncio.get_running_loop()
    fault: asyncio.Future[BaseException] = loop.create_future()
    loop.set_exception_handler(lambda _, context: fault.set_result(context["exception"]))

    def fail(_: object) -> None:
        raise MemoryError

    await transport.consume(QUEUE, 10)
    with monkeypatch.context() as patched:
        patched.setattr(seen, "confirmed", fail)
        transport.publish([publication(1)])
        await peer.until(lambda: peer.published)
        peer.say(Basic.Ack(1, False))
        async with asyncio.timeout(10):
            assert isinstance(await fault, MemoryError)
    peer.send(on_data_channel(peer, delivery(1)))
    await seen.until(lambda: seen.deliveries)
    assert not seen.losses


async def test_acknowledgements_of_a_turn_are_one(peer: Peer, opened: Open) -> None:
    transport, seen = opened
    await transport.consume(QUEUE, 10)
    peer.send(on_data_channel(peer, b"".join(delivery(tag) for tag in range(1, 6))))
    await seen.until(lambda: len(seen.deliveries) == 5)
    for each in seen.deliveries[:3]:
        transport.acknowledge([each])
    transport.give_back(seen.deliveries[3:4])
    transport.reject(seen.deliveries[4:5])
    await peer.until(lambda: len(peer.answers) == 3)
    given_back, rejected, acknowledged = peer.answers
    assert isinstance(given_back, Basic.Nack)
    assert isinstance(rejected, Basic.Nack)
    assert isinstance(acknowledged, Basic.Ack)
    assert (given_back.delivery_tag, given_back.requeue) == (4, True)
    assert (rejected.delivery_tag, rejected.requeue) == (5, False)
    assert (acknowledged.delivery_tag, acknowledged.multiple) == (3, True)


async def test_closing_acknowledges_what_is_to_be(peer: Peer) -> None:
    async with session(peer) as (transport, seen):
        await transport.consume(QUEUE, 10)
        peer.send(on_data_channel(peer, delivery(1)))
        await seen.until(lambda: seen.deliveries)
        transport.acknowledge(seen.deliveries)
    await peer.until(lambda: peer.answers)


async def test_confirms_for_several_and_refusals(peer: Peer, opened: Open) -> None:
    transport, seen = opened
    transport.publish([publication(number) for number in range(11, 16)])
    await peer.until(lambda: len(peer.published) == 5)
    peer.say(Basic.Nack(2, False), Basic.Ack(4, True))
    await seen.until(lambda: len(seen.confirmed_numbers) == 3 and seen.refused_numbers)
    assert seen.confirmed_numbers == [11, 13, 14]
    assert seen.refused_numbers == [12]


async def test_several_mandatory_ones_are_under_way_at_once(peer: Peer, opened: Open) -> None:
    transport, seen = opened
    transport.publish([publication(n, key, mandatory=True) for n, key in enumerate("abc", 1)])
    await peer.until(lambda: len(peer.published) == 3)
    back = [Basic.Return(312, "NO_ROUTE", "ex", "b"), *content(b"{}", Envelope(message_id="m2"))]
    peer.say(*back, Basic.Ack(3, True))
    await seen.until(lambda: len(seen.confirmed_numbers) == 3)
    assert seen.returned_numbers == [2]


async def test_what_cannot_be_sent_is_told_and_does_not_wait_for_ever(
    peer: Peer, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    transport, seen = opened
    transport.publish([publication(1, "k" * 256), publication(2)])
    await seen.until(lambda: seen.confirmed_numbers)
    assert seen.returned_numbers == seen.confirmed_numbers == [1]
    assert "256 bytes" in caplog.text
    await peer.until(lambda: peer.published)
    peer.say(Basic.Ack(1, False))
    await seen.until(lambda: seen.confirmed_numbers == [1, 2])


async def test_a_body_goes_in_frames_of_the_agreed_size(peer: Peer, opened: Open) -> None:
    transport, _ = opened
    body = bytes(range(256)) * (FRAME_MAX // 100)
    transport.publish([publication(1, body=body), publication(2)])
    await peer.until(lambda: len(peer.published) == 2)
    assert peer.published[0].body == body


async def test_a_peer_that_reads_slowly_is_not_flooded(peer: Peer, opened: Open) -> None:
    transport, _ = opened
    path, socket = transport._path, transport._socket
    assert path is not None
    assert socket is not None
    assert socket.writer is not None
    peer.reading.clear()
    body = bytes(64 * 1024)
    transport.publish([publication(number, body=body) for number in range(1, 401)])
    assert socket.writer.waiting < MOST_UNSENT + 2 * len(body)
    peer.reading.set()
    await peer.until(lambda: len(peer.published) == 400)
    assert [each.message_id for each in peer.published] == [f"m{n}" for n in range(1, 401)]


async def test_while_the_broker_takes_none_none_is_sent(peer: Peer, opened: Open) -> None:
    transport, seen = opened
    peer.say(Connection.Blocked("low on memory"), channel=0)
    await seen.until(lambda: seen.is_blocked)
    transport.publish([publication(1)])
    await transport.consume(QUEUE, 10)  # whatever was sent before has arrived
    assert not peer.published
    peer.say(Connection.Unblocked(), channel=0)
    await seen.until(lambda: not seen.is_blocked)
    await peer.until(lambda: peer.published)


async def test_a_closed_channel_is_told_once_with_what_came_before_and_renewed(
    peer: Peer, opened: Open
) -> None:
    transport, seen = opened
    await transport.consume(QUEUE, 10)
    transport.publish([publication(1), publication(2)])
    await peer.until(lambda: len(peer.published) == 2)
    first = peer.opened[-1]
    before = delivery(1) + frames(Basic.Ack(1))
    closing = frames(Channel.Close(404, "NOT_FOUND - no exchange 'ex'", 60, 40))
    peer.send(on_data_channel(peer, before + closing))
    await seen.until(lambda: seen.channel_errors)
    assert isinstance(seen.channel_errors[0], NotFound)
    assert seen.confirmed_numbers == [1]
    assert len(seen.deliveries) == 1
    transport.publish([publication(3)])
    transport.acknowledge(seen.deliveries)

    await transport.renew()
    assert peer.opened[-1] == first, "the number is used again"
    await transport.consume(QUEUE, 10)
    transport.acknowledge(seen.deliveries)  # of the other channel: passed over
    transport.publish([publication(4)])
    peer.send(on_data_channel(peer, delivery(1)))
    await peer.until(lambda: len(peer.published) == 3)
    assert peer.published[2].message_id == "m4"
    peer.say(Basic.Ack(1, False))
    await seen.until(lambda: seen.confirmed_numbers == [1, 4] and len(seen.deliveries) == 2)
    assert not peer.answers
    assert len(seen.channel_errors) == 1


async def test_too_large_a_message_is_named(peer: Peer, opened: Open) -> None:
    transport, seen = opened
    transport.publish([publication(1)])
    text = "PRECONDITION_FAILED - message size 20 is larger than configured max size 10"
    peer.say(Channel.Close(406, text, 60, 40))
    await seen.until(lambda: seen.channel_errors)
    assert isinstance(seen.channel_errors[0], MessageTooLarge)


async def test_a_cancelled_consumer_is_told(peer: Peer, opened: Open) -> None:
    transport, seen = opened
    await transport.consume(QUEUE, 10)
    peer.say(Basic.Cancel(TAG, True))
    await seen.until(lambda: seen.cancelled_queues)
    assert seen.cancelled_queues == [QUEUE]


async def test_one_that_is_consumed_again_has_another_tag(peer: Peer, opened: Open) -> None:
    transport, seen = opened
    await transport.consume("first", 10)
    await transport.consume(QUEUE, 10)
    await transport.cancel("first")
    await transport.consume("third", 10)
    other = Basic.Deliver(f"{QUEUE}.1", 1, False, "ex", "a")
    peer.say(other, *content(b"{}", Envelope()))
    await seen.until(lambda: seen.deliveries)
    assert seen.deliveries[0].queue == QUEUE


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (b"\x01\x00\x01\xff\xff\xff\xff" + bytes(100), "a frame of 4,294,967,295 bytes"),
        (frames(Basic.Ack(1))[:-1] + b"\x00", "has no end"),
        (b"GET / HTTP/1.1\r\n\r\n", "type 71"),
    ],
)
async def test_what_is_no_amqp_ends_the_connection(
    peer: Peer, opened: Open, stream: bytes, why: str
) -> None:
    _, seen = opened
    peer.send(stream)
    await seen.until(lambda: seen.losses)
    assert str(seen.losses[0]).startswith(
        f"127.0.0.1:{peer.port} (what came from the broker is no frame of AMQP: it was damaged ("
    )
    assert why in str(seen.losses[0])


async def test_what_no_broker_sends_on_a_data_channel_ends_the_connection(
    peer: Peer, opened: Open
) -> None:
    _, seen = opened
    peer.say(*content(b"{}", Envelope()))
    await seen.until(lambda: seen.losses)
    assert "content header without" in str(seen.losses[0])


async def test_the_end_of_the_connection_is_told(peer: Peer, opened: Open) -> None:
    transport, seen = opened
    transport.publish([publication(1)])
    await peer.until(lambda: peer.published)
    peer.say(Basic.Ack(1, False))
    peer.end()
    await seen.until(lambda: seen.losses)
    assert "closed the connection" in str(seen.losses[0])
    assert seen.confirmed_numbers == [1]
    transport.publish([publication(2)])
    transport.acknowledge(seen.deliveries)


async def test_a_busy_broker_lives_in_the_eyes_of_aiormq(
    peer: Peer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees no frame of a busy data channel, and gives up after 3 heartbeats and a bit."""
    transport, seen = opened
    await transport.consume(QUEUE, 10)
    real, ahead = time.monotonic, 0.0
    monkeypatch.setattr(time, "monotonic", lambda: real() + ahead)
    connection = transport._connection
    assert connection is not None
    assert connection.transport is not None
    underlay = connection.transport.connection
    assert isinstance(underlay, aiormq.Connection)
    for number in range(1, 5):
        ahead += 20
        seen.deliveries.clear()
        peer.send(on_data_channel(peer, delivery(number)))
        await seen.until(lambda: seen.deliveries)
        await asyncio.sleep(0)
        assert not underlay.is_connection_was_stuck
    assert not seen.losses
