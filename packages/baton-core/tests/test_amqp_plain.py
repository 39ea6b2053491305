"""The slow way is there where aiormq offers no other, and both ways hear the same."""

from __future__ import annotations

from typing import Any

import pytest
from pamqp import frame
from pamqp.commands import Basic, Channel, Connection

from amqp.peer import Peer, Published
from amqp.sessions import session
from amqp.stream import TAG, content, frames
from baton.message import Envelope
from baton.transports import Publication
from baton.transports.amqp import plain as plain_module
from baton.transports.amqp.plain import PlainPath
from baton.transports.amqp.tapped import TappedPath
from integration.recorder import Recorder

QUEUE = "contract.q"
KEYS = ("dead", "nowhere", "a")
WHOLE = Envelope(
    message_id="whole",
    correlation_id="c",
    reply_to="r",
    timestamp=1_700_000_000.0,
    expires=60.0,
    user_id="guest",
    app_id="baton",
    persistent=True,
    headers={"a": ["b", 1, None, {"c": True}], "x-delivery-count": 2},
)


class Answers:
    """Answers what is published by its key, each on its own, as RabbitMQ does."""

    def __init__(self) -> None:
        self.tag = 0

    def __call__(self, published: Published) -> bytes:
        self.tag += 1
        match published.key:
            case "nowhere":
                back = Basic.Return(312, "NO_ROUTE", "ex", "nowhere")
                envelope = Envelope(message_id=published.message_id)
                values = [back, *content(b"{}", envelope), Basic.Ack(self.tag)]
            case "full":
                values = [Basic.Nack(self.tag)]
            case "dead":
                values = []
            case _:
                values = [Basic.Ack(self.tag)]
        return b"".join(frame.marshal(each, self.channel) for each in values)

    channel = 0


def publication(number: int, key: str, *, mandatory: bool = False) -> Publication:
    return Publication(number, "ex", key, b"x" * 9000, Envelope(message_id=f"m{number}"), mandatory)


@pytest.fixture
def no_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """An aiormq that takes no transport_factory."""
    monkeypatch.setattr("baton.transports.rabbitmq.missing_hook", lambda _: "no way in")


async def play(expected: type) -> dict[str, Any]:
    """What is heard of one scripted session."""
    answers = Answers()
    async with Peer(answers) as peer, session(peer) as (transport, seen):
        assert isinstance(transport._path, expected)
        answers.channel = data = peer.opened[-1]

        def deliver(tag: int, body: bytes, envelope: Envelope, key: str = "a") -> bytes:
            method = Basic.Deliver(TAG, tag, tag == 2, "contract_in", key)
            return frames(method, *content(body, envelope), channel=data)

        peer.before_consume_ok = deliver(1, b"early", WHOLE)
        await transport.consume(QUEUE, 10)
        peer.send(
            deliver(2, b"x" * 5000, Envelope(message_id="m2"), "")
            + frames(Connection.Blocked("low"), Connection.Unblocked(), channel=0)
            + deliver(3, b"", Envelope(content_type=None), "ü")
        )
        await seen.until(lambda: len(seen.deliveries) == 3)
        transport.acknowledge(seen.deliveries[1:2])
        transport.reject(seen.deliveries[2:3])
        await peer.until(lambda: len(peer.answers) == 2)
        transport.publish(
            [
                publication(11, "a"),
                publication(12, "nowhere", mandatory=True),
                publication(13, "full"),
                publication(14, "nowhere", mandatory=True),
                publication(15, "b", mandatory=True),
                publication(16, "nowhere"),
            ]
        )
        await seen.until(lambda: len(seen.confirmed_numbers) == 5 and seen.refused_numbers)
        peer.say(Basic.Cancel(TAG, True))
        await seen.until(lambda: seen.cancelled_queues)
        peer.say(Channel.Close(404, "NOT_FOUND - no exchange 'ex'", 60, 40))
        await seen.until(lambda: seen.channel_errors)
        await transport.renew()
        answers.channel, answers.tag = peer.opened[-1], 0
        transport.publish([publication(17, "a")])
        await seen.until(lambda: 17 in seen.confirmed_numbers)
        peer.say(Connection.Close(320, "CONNECTION_FORCED - shutdown", 0, 0), channel=0)
        await seen.until(lambda: seen.losses)
        return _heard(peer, seen)


def _heard(peer: Peer, seen: Recorder) -> dict[str, Any]:
    return {
        "deliveries": [
            (each.queue, each.tag, each.routing_key, each.body, each.envelope, each.redelivered)
            for each in seen.deliveries
        ],
        "counts": [each.delivery_count for each in seen.deliveries],
        "confirmed": sorted(seen.confirmed_numbers),
        "returned": seen.returned_numbers,
        "refused": seen.refused_numbers,
        "cancelled": seen.cancelled_queues,
        "channel": [(type(each), str(each)) for each in seen.channel_errors],
        "losses": [str(each).replace(str(peer.port), "port") for each in seen.losses],
        "answers": sorted(repr(each) for each in map(_fields, peer.answers)),
        "published": sorted(
            (each.key, each.message_id, each.body, each.method.mandatory) for each in peer.published
        ),
    }


def _fields(answer: Any) -> tuple[str, dict[str, Any]]:
    return answer.name, dict(answer)


async def test_both_ways_hear_and_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    tapped = await play(TappedPath)
    assert tapped["returned"] == [12, 14]
    assert tapped["confirmed"] == [11, 12, 14, 15, 16, 17]
    monkeypatch.setattr("baton.transports.rabbitmq.missing_hook", lambda _: "no way in")
    assert await play(PlainPath) == tapped


@pytest.mark.usefixtures("no_hook")
async def test_the_slow_way_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async with Peer() as peer, session(peer) as (transport, _):
        await transport.renew()
    said = [record for record in caplog.records if record.name == "baton.transports.rabbitmq"]
    assert len(said) == 1
    assert "slow way, through aio-pika: no way in" in said[0].getMessage()


@pytest.mark.usefixtures("no_hook")
async def test_whether_the_broker_takes_messages_is_asked_for() -> None:
    async with Peer() as peer, session(peer) as (_, seen):
        peer.say(Connection.Blocked("low on memory"), channel=0)
        await seen.until(lambda: seen.is_blocked)
        peer.say(Connection.Unblocked(), channel=0)
        await seen.until(lambda: not seen.is_blocked)


@pytest.mark.usefixtures("no_hook")
async def test_one_that_is_not_answered_does_not_hold_up_the_next_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another node may be dead, and the broker not know it yet."""
    monkeypatch.setattr(plain_module, "_PATIENCE", 0.01)
    answers = Answers()
    async with Peer(answers) as peer, session(peer) as (transport, seen):
        answers.channel = peer.opened[-1]
        transport.publish(
            [publication(number, key, mandatory=True) for number, key in enumerate(KEYS, start=1)]
        )
        await seen.until(lambda: seen.confirmed_numbers == [2, 3])
        assert seen.returned_numbers == [2]
        peer.say(Basic.Ack(1), channel=answers.channel)
        await seen.until(lambda: seen.confirmed_numbers == [2, 3, 1])
