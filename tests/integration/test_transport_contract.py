"""What a transport does, asked of each of them: so that the memory one cannot drift away."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from baton.configuration import Configuration
from baton.errors import BrokerUnavailable, FlagMismatch, Locked, MessageTooLarge, NotFound
from baton.message import BCC_HEADER, Envelope
from baton.transports import (
    MAX_MESSAGE_SIZE,
    Binding,
    Exchange,
    Publication,
    Queue,
    Topology,
    Transport,
    open_transport,
)
from baton.transports.amqp.socket import Socket
from integration.recorder import Recorder

if TYPE_CHECKING:
    from brokers.vhost import Vhost

OpenSession = Callable[[], Awaitable[tuple[Transport, Recorder]]]

IN = Exchange("contract_in")
FAR_FROM_NOW = Envelope(message_id="1", expires=60)


@pytest.fixture(params=["memory", "rabbitmq", "plain"])
def configuration(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """A broker in this process, RabbitMQ, and RabbitMQ by the slow way through aio-pika."""
    if request.param == "plain":
        monkeypatch.setattr("baton.transports.rabbitmq.missing_hook", lambda _: "no way in")
    if request.param == "memory":
        return Configuration(rabbit_url=f"memory://{secrets.token_hex(4)}")
    vhost: Vhost = request.getfixturevalue("vhost")
    return vhost.configuration()


@pytest.fixture
async def open_session(configuration: Configuration) -> AsyncIterator[OpenSession]:
    """Opens one more session with the broker, and closes all of them."""
    opened: list[Transport] = []

    async def session() -> tuple[Transport, Recorder]:
        recorder = Recorder()
        transport = open_transport(configuration, configuration.endpoints[0], recorder, "contract")
        await transport.open()
        opened.append(transport)
        return transport, recorder

    yield session
    for transport in opened:
        await transport.close()


def topology(*keys: str, queue: str = "contract.q", **flags: Any) -> Topology:
    return Topology([IN], [Queue(queue, **flags)], [Binding(queue, IN.name, key) for key in keys])


def publication(number: int, key: str = "a", **values: Any) -> Publication:
    values.setdefault("envelope", Envelope(message_id=str(number)))
    values.setdefault("body", b"%d" % number)
    return Publication(number, values.pop("exchange", IN.name), key, **values)


def came(seen: Recorder, number: int = 1) -> Callable[[], bool]:
    return lambda: len(seen.deliveries) == number


async def test_delivers_in_order_what_is_published_to_a_bound_key(
    open_session: OpenSession,
) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a", ""))
    await transport.consume("contract.q", 100)

    transport.publish([publication(1), publication(2, ""), publication(3, "other")])
    transport.publish([publication(4)])

    await seen.until(lambda: len(seen.deliveries) == 3 and len(seen.confirmed_numbers) == 4)
    assert [delivery.body for delivery in seen.deliveries] == [b"1", b"2", b"4"]
    assert [delivery.routing_key for delivery in seen.deliveries] == ["a", "", "a"]
    assert sorted(seen.confirmed_numbers) == [1, 2, 3, 4]
    assert not any(delivery.redelivered for delivery in seen.deliveries)


async def test_carries_the_whole_envelope(open_session: OpenSession) -> None:
    envelope = Envelope(
        message_id="m",
        correlation_id="c",
        reply_to="r",
        timestamp=1_700_000_000.0,
        expires=60.0,
        user_id="guest",
        app_id="baton",
        persistent=True,
        headers={"baton-version": 1, "baton-target": ["a", "b"], "end": {"outputs": 2}},
    )
    transport, seen = await open_session()
    await transport.declare(topology("a"))
    await transport.consume("contract.q", 100)

    transport.publish([publication(1, envelope=envelope)])

    await seen.until(lambda: seen.deliveries)
    assert seen.deliveries[0].envelope == envelope


async def test_a_message_without_any_properties(open_session: OpenSession) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a"))
    await transport.consume("contract.q", 100)

    transport.publish([publication(1, envelope=Envelope(content_type=None), body=b"")])

    await seen.until(lambda: seen.deliveries)
    envelope = seen.deliveries[0].envelope
    assert seen.deliveries[0].body == b""
    assert (envelope.reply_to, envelope.expires, envelope.headers) == (None, None, {})


async def test_bcc_reaches_more_queues_and_is_removed(open_session: OpenSession) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("", queue="monitor"))
    await transport.declare(topology("secret", queue="requester"))
    await transport.consume("monitor", 10)
    await transport.consume("requester", 10)

    transport.publish(
        [publication(1, "", envelope=Envelope(headers={BCC_HEADER: ["secret"], "kept": 1}))]
    )

    await seen.until(lambda: len(seen.deliveries) == 2)
    assert {delivery.queue for delivery in seen.deliveries} == {"monitor", "requester"}
    assert [dict(delivery.envelope.headers) for delivery in seen.deliveries] == [{"kept": 1}] * 2


async def test_a_mandatory_publication_that_no_queue_takes_is_returned(
    open_session: OpenSession,
) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a"))
    same = Envelope(message_id="same")

    transport.publish(
        [
            publication(1, "nowhere", envelope=same, mandatory=True),
            publication(2, "a", envelope=same, mandatory=True),
            publication(3, "nobody", envelope=same, mandatory=True),
            publication(4, "optional", envelope=same),
        ]
    )

    await seen.until(lambda: len(seen.confirmed_numbers) == 4)
    assert sorted(seen.returned_numbers) == [1, 3]


async def test_prefetch_bounds_what_is_not_acknowledged(open_session: OpenSession) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a"))
    transport.publish([publication(number) for number in range(1, 6)])
    await seen.until(lambda: len(seen.confirmed_numbers) == 5)

    await transport.consume("contract.q", 2)

    await seen.until(lambda: len(seen.deliveries) == 2)
    transport.acknowledge(seen.deliveries[:1])
    await seen.until(lambda: len(seen.deliveries) == 3)
    transport.acknowledge(seen.deliveries[1:])
    await seen.until(lambda: len(seen.deliveries) == 5)
    assert [delivery.body for delivery in seen.deliveries] == [b"1", b"2", b"3", b"4", b"5"]


async def test_acknowledged_out_of_order(open_session: OpenSession) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a", exclusive=False, durable=True))
    await transport.consume("contract.q", 10)
    transport.publish([publication(number) for number in range(1, 7)])
    await seen.until(lambda: len(seen.deliveries) == 6)

    for index in (2, 4, 1, 0, 3):  # not the last
        transport.acknowledge([seen.deliveries[index]])
    transport.publish([publication(7)])
    await seen.until(lambda: len(seen.deliveries) == 7)
    transport.acknowledge([seen.deliveries[6]])
    await transport.close()  # acknowledges what it was given

    assert not seen.channel_errors
    other, seen_again = await open_session()
    await other.consume("contract.q", 10)
    await seen_again.until(lambda: seen_again.deliveries)
    assert [delivery.body for delivery in seen_again.deliveries] == [b"6"]
    assert seen_again.deliveries[0].redelivered


async def test_an_expired_message_is_not_delivered(open_session: OpenSession) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a"))
    transport.publish(
        [
            publication(1, envelope=Envelope(message_id="short", expires=0.0)),
            publication(2, envelope=FAR_FROM_NOW),
        ]
    )
    await seen.until(lambda: len(seen.confirmed_numbers) == 2)

    await transport.consume("contract.q", 10)

    await seen.until(lambda: seen.deliveries)
    assert [delivery.body for delivery in seen.deliveries] == [b"2"]


async def test_nothing_more_is_delivered_after_a_cancel(open_session: OpenSession) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a"))
    await transport.declare(topology("b", queue="second"))
    await transport.consume("contract.q", 10)
    await transport.consume("second", 10)
    transport.publish([publication(1)])
    await seen.until(lambda: len(seen.deliveries) == 1)

    await transport.cancel("contract.q")
    transport.acknowledge(seen.deliveries)
    transport.publish([publication(2), publication(3, "b")])

    await seen.until(lambda: len(seen.deliveries) == 2)
    assert [delivery.body for delivery in seen.deliveries] == [b"1", b"3"]


async def test_a_deleted_queue_is_told_of(open_session: OpenSession) -> None:
    transport, seen = await open_session()
    other, _ = await open_session()
    await transport.declare(topology("a", exclusive=False, durable=True))
    await transport.consume("contract.q", 10)

    await other.delete_queue("contract.q")
    await other.delete_queue("contract.q")  # no fault

    await seen.until(lambda: seen.cancelled_queues)
    assert seen.cancelled_queues == ["contract.q"]
    await transport.declare(topology("a", exclusive=False, durable=True))
    await transport.consume("contract.q", 10)
    transport.publish([publication(1)])
    await seen.until(lambda: seen.deliveries)


async def test_declaring_again_is_no_fault(open_session: OpenSession) -> None:
    transport, seen = await open_session()
    for _ in range(2):
        await transport.declare(topology("a", "b"))
    await transport.consume("contract.q", 10)
    transport.publish([publication(1, "a"), publication(2, "b")])
    await seen.until(lambda: len(seen.deliveries) == 2)


async def test_a_topology_is_declared_in_one_write(
    vhost: Vhost, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets: list[Socket] = []

    def socket(*arguments: Any) -> Socket:
        sockets.append(Socket(*arguments))
        return sockets[-1]

    monkeypatch.setattr("baton.transports.rabbitmq.Socket", socket)
    settings = vhost.configuration()
    transport = open_transport(settings, settings.endpoints[0], Recorder(), "contract")
    await transport.open()
    await transport.declare(topology("a"))
    writer = sockets[0].writer
    assert writer is not None
    writes: list[bytes] = []
    write = asyncio.StreamWriter.write

    def counted(self: asyncio.StreamWriter, data: bytes) -> None:
        if self is writer:
            writes.append(data)
        write(self, data)

    # What gathers hands on to this; of uvloop, a transport cannot be patched.
    monkeypatch.setattr(asyncio.StreamWriter, "write", counted)
    await transport.declare(topology(*(f"key {number}" for number in range(100))))
    assert len(writes) == 2, "what is asserted, and what is answered"
    await transport.close()


async def test_another_durability_is_a_mismatch_and_deliveries_go_on(
    open_session: OpenSession,
) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a"))
    await transport.consume("contract.q", 10)

    with pytest.raises(FlagMismatch, match=r'exchange "contract_in".*durable.*INTEROP'):
        await transport.declare(Topology([Exchange(IN.name, durable=False)]))

    transport.publish([publication(1)])
    await seen.until(lambda: seen.deliveries)
    assert not seen.channel_errors


async def test_binding_to_nothing_is_not_found(open_session: OpenSession) -> None:
    transport, _ = await open_session()
    with pytest.raises(NotFound, match="contract_in"):
        await transport.declare(
            Topology((), [Queue("contract.q")], [Binding("contract.q", IN.name, "a")])
        )
    await transport.declare(topology("a"))


async def test_an_exchange_is_there_or_not(open_session: OpenSession) -> None:
    transport, _ = await open_session()
    assert not await transport.has_exchange(IN.name)
    assert not await transport.has_exchange(IN.name), "to ask makes nothing"
    for durable in (True, False):
        await transport.declare(Topology([Exchange(f"contract_{durable}", durable)]))
        assert await transport.has_exchange(f"contract_{durable}")


async def test_an_exchange_is_deleted_unless_it_is_in_use(open_session: OpenSession) -> None:
    transport, _ = await open_session()
    await transport.declare(topology("a"))
    await transport.delete_exchange(IN.name)
    assert await transport.has_exchange(IN.name)

    await transport.delete_queue("contract.q")
    await transport.delete_exchange(IN.name)
    assert not await transport.has_exchange(IN.name)
    await transport.delete_exchange(IN.name)  # no fault


async def test_consuming_nothing_is_not_found(open_session: OpenSession) -> None:
    transport, _ = await open_session()
    with pytest.raises(NotFound, match=r"contract\.q"):
        await transport.consume("contract.q", 10)


async def test_an_exclusive_queue_is_locked_to_others_and_dies_with_its_owner(
    open_session: OpenSession,
) -> None:
    owner, _ = await open_session()
    other, _ = await open_session()
    await owner.declare(topology("a"))

    with pytest.raises(Locked):
        await other.declare(topology("a"))

    await owner.close()
    await other.declare(topology("a"))


async def test_publishing_to_no_exchange_loses_the_channel_which_is_renewed(
    open_session: OpenSession,
) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a"))
    await transport.consume("contract.q", 10)

    transport.publish([publication(1, exchange="missing")])

    await seen.until(lambda: seen.channel_errors)
    assert isinstance(seen.channel_errors[0], NotFound)
    assert "missing" in str(seen.channel_errors[0])
    assert seen.confirmed_numbers == []
    assert not seen.losses
    with pytest.raises(BrokerUnavailable):
        await transport.consume("contract.q", 10)
    transport.publish([publication(2)])  # does nothing
    await transport.renew()
    await transport.consume("contract.q", 10)
    transport.publish([publication(3)])
    await seen.until(lambda: seen.deliveries and seen.confirmed_numbers)
    assert [delivery.body for delivery in seen.deliveries] == [b"3"]


async def test_a_lost_channel_delivers_again_what_was_not_acknowledged(
    open_session: OpenSession,
) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a"))
    await transport.consume("contract.q", 10)
    transport.publish([publication(1), publication(2)])
    await seen.until(lambda: len(seen.deliveries) == 2 and len(seen.confirmed_numbers) == 2)
    first = seen.deliveries[:]
    transport.acknowledge(first[:1])
    await transport.cancel("contract.q")  # the broker has taken the acknowledgement

    transport.publish([publication(3, exchange="missing")])
    await seen.until(lambda: seen.channel_errors)
    await transport.renew()
    transport.acknowledge(first)  # of another channel: passed over
    await transport.consume("contract.q", 10)

    await seen.until(lambda: len(seen.deliveries) == 3)
    assert seen.deliveries[2].body == b"2"
    assert seen.deliveries[2].redelivered


async def test_what_is_too_large_loses_the_channel_and_says_how_large_it_may_be(
    open_session: OpenSession,
) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a"))

    transport.publish([publication(1, body=b"x" * (MAX_MESSAGE_SIZE + 1))])

    await seen.until(lambda: seen.channel_errors)
    error = seen.channel_errors[0]
    assert isinstance(error, MessageTooLarge)
    assert (error.size, error.limit) == (MAX_MESSAGE_SIZE + 1, MAX_MESSAGE_SIZE)


async def test_a_body_of_many_frames(open_session: OpenSession) -> None:
    body = secrets.token_bytes(1_000_000)
    transport, seen = await open_session()
    await transport.declare(topology("a"))
    await transport.consume("contract.q", 10)
    transport.publish([publication(1, body=body), publication(2)])
    await seen.until(lambda: len(seen.deliveries) == 2)
    assert seen.deliveries[0].body == body


async def test_a_thousand_at_once(open_session: OpenSession) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a"))
    await transport.consume("contract.q", 1000)
    transport.publish([publication(number) for number in range(1, 1001)])
    await seen.until(lambda: len(seen.confirmed_numbers) == len(seen.deliveries) == 1000)
    assert [delivery.body for delivery in seen.deliveries] == [b"%d" % n for n in range(1, 1001)]


DEAD = Exchange("contract_dead", kind="headers")


def dying(kind: str, **arguments: Any) -> Topology:
    """A queue that outlives a session, and one for each way in which its messages end."""
    ends = {"rejected": "letters", "delivery_limit": "letters", "expired": "expired"}
    arguments |= {"x-queue-type": kind, "x-dead-letter-exchange": DEAD.name}
    return Topology(
        [IN, DEAD],
        [Queue("kept", durable=True, exclusive=False, arguments=arguments)]
        + [Queue(name, durable=True, exclusive=False) for name in ("letters", "expired")],
        [Binding("kept", IN.name, "a")]
        + [
            Binding(end, DEAD.name, "", {"x-match": "all-with-x", "x-first-death-reason": reason})
            for reason, end in ends.items()
        ],
    )


@pytest.fixture(params=["quorum", "classic"])
def kind(request: pytest.FixtureRequest) -> str:
    """The type of a queue."""
    return str(request.param)


async def test_what_is_rejected_is_dead_lettered(open_session: OpenSession, kind: str) -> None:
    transport, seen = await open_session()
    await transport.declare(dying(kind))
    await transport.consume("kept", 10)
    await transport.consume("letters", 10)
    envelope = Envelope(message_id="7", expires=60, headers={"mine": [1]}, persistent=True)
    transport.publish([publication(1), publication(2, envelope=envelope), publication(3)])
    await seen.until(lambda: len(seen.deliveries) == 3)

    transport.reject(seen.deliveries[1:2])
    transport.acknowledge(seen.deliveries[:1])
    transport.acknowledge(seen.deliveries[2:])

    await seen.until(lambda: len(seen.deliveries) == 4)
    letter = seen.deliveries[3]
    assert (letter.queue, letter.routing_key, letter.body) == ("letters", "a", b"2")
    assert (letter.envelope.message_id, letter.envelope.expires) == ("7", None)
    headers = dict(letter.envelope.headers)
    (death,) = headers.pop("x-death")
    assert death.pop("time").tzinfo is not None
    assert death == {
        "count": 1,
        "reason": "rejected",
        "queue": "kept",
        "exchange": IN.name,
        "routing-keys": ["a"],
        "original-expiration": "60000",
    }
    assert headers == {"mine": [1]} | {
        f"x-{which}-death-{name}": value
        for which in ("first", "last")
        for name, value in {"reason": "rejected", "queue": "kept", "exchange": IN.name}.items()
    }
    transport.acknowledge([letter])
    await transport.close()
    other, _ = await open_session()
    assert await other.count("kept") == await other.count("letters") == 0


async def test_what_a_client_says_of_a_death_does_not_count(
    open_session: OpenSession, kind: str
) -> None:
    """Somebody has moved a letter back, with all its headers; or made them up."""
    transport, seen = await open_session()
    await transport.declare(dying(kind))
    await transport.consume("kept", 1)
    await transport.consume("letters", 1)
    headers = {f"x-{which}-death-reason": "expired" for which in ("first", "last")}
    envelope = Envelope(headers=headers | {"x-first-death-queue": "other"}, persistent=True)
    transport.publish([publication(1, envelope=envelope)])
    await seen.until(lambda: seen.deliveries)
    transport.reject(seen.deliveries)
    await seen.until(lambda: len(seen.deliveries) == 2)
    headers = dict(seen.deliveries[1].envelope.headers)
    assert len(headers["x-death"]) == 1
    assert {headers[f"x-{which}-death-reason"] for which in ("first", "last")} == {"rejected"}
    assert headers["x-first-death-queue"] == "kept"


async def test_what_is_rejected_without_a_place_to_go_is_dropped(open_session: OpenSession) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a"))
    await transport.consume("contract.q", 1)
    transport.publish([publication(1), publication(2)])
    await seen.until(lambda: seen.deliveries)

    transport.reject(seen.deliveries)

    await seen.until(lambda: len(seen.deliveries) == 2)
    transport.reject(seen.deliveries[:1])  # again: it is not there any more
    assert [delivery.body for delivery in seen.deliveries] == [b"1", b"2"]


async def test_a_quorum_queue_counts_what_was_delivered_in_vain(
    open_session: OpenSession, kind: str
) -> None:
    for attempt in range(3):
        transport, seen = await open_session()
        await transport.declare(dying(kind))
        if not attempt:
            transport.publish([publication(1, envelope=Envelope(persistent=True))])
        await transport.consume("kept", 1)
        await seen.until(came(seen))
        assert seen.deliveries[0].redelivered is (attempt > 0)
        assert seen.deliveries[0].delivery_count == (attempt if kind == "quorum" else 0)
        await transport.close()


async def test_the_first_time_nothing_was_in_vain_whatever_a_client_says(
    open_session: OpenSession,
) -> None:
    """A letter that somebody has moved back says how often it was looked at."""
    transport, seen = await open_session()
    await transport.declare(dying("quorum"))
    envelope = Envelope(headers={"x-delivery-count": 50}, persistent=True)
    transport.publish([publication(1, envelope=envelope)])
    await transport.consume("kept", 1)
    await seen.until(came(seen))
    transport.give_back(seen.deliveries)
    await seen.until(came(seen, 2))
    assert [delivery.delivery_count for delivery in seen.deliveries] == [0, 1]


async def test_what_was_delivered_too_often_is_dead_lettered(open_session: OpenSession) -> None:
    limited = dying("quorum", **{"x-delivery-limit": 1})
    for attempt in range(2):
        transport, seen = await open_session()
        await transport.declare(limited)
        if not attempt:
            transport.publish([publication(1)])
        await transport.consume("kept", 1)
        await seen.until(came(seen))
        await transport.close()

    other, seen = await open_session()
    await other.consume("letters", 1)
    await seen.until(lambda: seen.deliveries)
    reason = seen.deliveries[0].envelope.headers["x-first-death-reason"]
    assert (seen.deliveries[0].body, reason) == (b"1", "delivery_limit")


async def test_letters_may_be_looked_at_for_ever(open_session: OpenSession) -> None:
    arguments = {"x-queue-type": "quorum", "x-delivery-limit": -1}
    kept = Queue("kept", durable=True, exclusive=False, arguments=arguments)
    transport, seen = await open_session()
    await transport.declare(Topology((), [kept]))
    transport.publish([publication(1, "kept", exchange="")])
    await transport.consume("kept", 1)
    for times in range(1, 25):
        await seen.until(came(seen, times))
        transport.give_back(seen.deliveries[-1:])


async def test_what_is_given_back_is_for_another(open_session: OpenSession, kind: str) -> None:
    transport, seen = await open_session()
    other, seen_there = await open_session()
    await transport.declare(dying(kind))
    await transport.consume("kept", 10)
    transport.publish([publication(number) for number in range(1, 6)])
    await seen.until(lambda: len(seen.deliveries) == 5)

    await transport.cancel("kept")
    transport.acknowledge(seen.deliveries[1:2])
    transport.give_back([seen.deliveries[index] for index in (0, 2, 3, 4)])
    await other.consume("kept", 10)

    await seen_there.until(lambda: len(seen_there.deliveries) == 4)
    assert [delivery.body for delivery in seen_there.deliveries] == [b"1", b"3", b"4", b"5"]
    assert all(delivery.redelivered for delivery in seen_there.deliveries)
    assert len(seen.deliveries) == 5


async def test_what_expires_is_counted(open_session: OpenSession, kind: str) -> None:
    transport, seen = await open_session()
    await transport.declare(dying(kind))
    transport.publish([publication(1, envelope=Envelope(expires=0)), publication(2)])
    await seen.until(lambda: len(seen.confirmed_numbers) == 2)

    await transport.consume("expired", 1)
    assert await transport.count("kept") is not None

    await seen.until(lambda: seen.deliveries)
    assert (seen.deliveries[0].queue, seen.deliveries[0].body) == ("expired", b"1")
    assert seen.deliveries[0].envelope.headers["x-first-death-reason"] == "expired"


async def test_what_one_queue_of_several_refuses_is_in_the_others(
    open_session: OpenSession,
) -> None:
    transport, seen = await open_session()
    full = {"x-queue-type": "classic", "x-max-length": 1, "x-overflow": "reject-publish"}
    await transport.declare(topology("a"))
    await transport.declare(topology("a", queue="contract.full", arguments=full))
    transport.publish([publication(1), publication(2)])
    await seen.until(lambda: seen.refused_numbers)
    await transport.consume("contract.q", 10)
    await seen.until(came(seen, 2))
    assert seen.confirmed_numbers == [1]
    assert seen.refused_numbers == [2]
    assert await transport.count("contract.full") == 1


async def test_counts_what_waits(open_session: OpenSession) -> None:
    transport, seen = await open_session()
    assert await transport.count("kept") is None
    await transport.declare(dying("classic"))
    assert await transport.count("kept") == 0
    transport.publish([publication(1), publication(2)])
    await seen.until(lambda: len(seen.confirmed_numbers) == 2)
    assert await transport.count("kept") == 2


async def test_one_consumer_at_a_time(open_session: OpenSession, kind: str) -> None:
    alone = dying(kind, **{"x-single-active-consumer": True})
    transport, seen = await open_session()
    await transport.declare(alone)
    await transport.consume("kept", 10)
    standby, seen_there = await open_session()
    await standby.consume("kept", 10)
    transport.publish([publication(number) for number in range(1, 4)])
    await seen.until(lambda: len(seen.deliveries) == 3)
    assert not seen_there.deliveries

    transport.acknowledge(seen.deliveries[:1])
    await transport.close()

    await seen_there.until(lambda: len(seen_there.deliveries) == 2)
    assert [delivery.body for delivery in seen_there.deliveries] == [b"2", b"3"]


async def test_the_default_exchange_takes_the_name_of_a_queue_as_the_key(
    open_session: OpenSession,
) -> None:
    transport, seen = await open_session()
    await transport.declare(dying("quorum"))
    await transport.consume("kept", 10)
    transport.publish(
        [
            publication(1, "kept", exchange="", mandatory=True),
            publication(2, "gone", exchange="", mandatory=True),
        ]
    )
    await seen.until(lambda: seen.deliveries and len(seen.confirmed_numbers) == 2)
    assert (seen.deliveries[0].routing_key, seen.returned_numbers) == ("kept", [2])


async def test_a_key_is_unbound(open_session: OpenSession) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a", "b"))
    await transport.unbind(Binding("contract.q", IN.name, "a"))
    await transport.unbind(Binding("contract.q", IN.name, "a"))  # no fault
    await transport.consume("contract.q", 10)
    transport.publish([publication(1, "a"), publication(2, "b")])
    await seen.until(lambda: seen.deliveries and len(seen.confirmed_numbers) == 2)
    assert [delivery.body for delivery in seen.deliveries] == [b"2"]


async def test_a_binding_of_headers_is_unbound(open_session: OpenSession) -> None:
    transport, seen = await open_session()
    await transport.declare(dying("classic"))
    await transport.unbind(
        Binding(
            "letters",
            DEAD.name,
            "",
            {"x-match": "all-with-x", "x-first-death-reason": "rejected"},
        )
    )
    await transport.consume("kept", 1)
    transport.publish([publication(1), publication(2)])
    await seen.until(lambda: seen.deliveries)
    transport.reject(seen.deliveries)
    await seen.until(lambda: len(seen.deliveries) == 2)
    assert await transport.count("letters") == 0


@pytest.mark.parametrize(
    ("match", "headers", "takes"),
    [
        ("all", {"a": 1, "b": 2}, True),
        ("all", {"a": 1}, False),
        ("any", {"a": 1}, True),
        ("any", {"a": 2}, False),
        ("all-with-x", {"a": 1, "b": 2}, False),
        ("all-with-x", {"a": 1, "b": 2, "x-c": 3}, True),
        ("any-with-x", {"x-c": 3}, True),
        ("any", {"x-c": 3}, False),
    ],
)
async def test_headers_decide(
    open_session: OpenSession, match: str, headers: dict[str, int], takes: bool
) -> None:
    wanted = {"x-match": match, "a": 1, "b": 2, "x-c": 3}
    transport, seen = await open_session()
    await transport.declare(
        Topology([DEAD], [Queue("heads")], [Binding("heads", DEAD.name, "", wanted)])
    )
    transport.publish(
        [
            publication(
                1,
                "whatever",
                exchange=DEAD.name,
                envelope=Envelope(headers=headers),
                mandatory=True,
            )
        ]
    )
    await seen.until(lambda: seen.confirmed_numbers)
    assert bool(seen.returned_numbers) is not takes


async def test_another_kind_of_an_exchange_is_a_mismatch(open_session: OpenSession) -> None:
    transport, _ = await open_session()
    await transport.declare(topology("a"))
    with pytest.raises(FlagMismatch, match=r'exchange "contract_in".*type=direct.*type=headers'):
        await transport.declare(Topology([Exchange(IN.name, kind="headers")]))


async def test_another_argument_of_a_queue_is_a_mismatch(open_session: OpenSession) -> None:
    transport, _ = await open_session()
    await transport.declare(dying("classic", **{"x-expires": 1_000_000}))
    with pytest.raises(FlagMismatch, match=r'"kept".*x-expires=1000000.*x-expires=2000000'):
        await transport.declare(dying("classic", **{"x-expires": 2_000_000}))


async def test_a_closed_session_is_silent_and_refuses(open_session: OpenSession) -> None:
    transport, seen = await open_session()
    await transport.declare(topology("a"))
    await transport.close()
    await transport.close()

    transport.publish([publication(1)])
    with pytest.raises(BrokerUnavailable):
        await transport.declare(topology("a"))
    with pytest.raises(BrokerUnavailable):
        await transport.renew()
    await asyncio.sleep(0)
    assert not seen.losses
    assert not seen.channel_errors
