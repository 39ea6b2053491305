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
from integration.recorder import Recorder

if TYPE_CHECKING:
    from brokers.vhost import Vhost

OpenSession = Callable[[], Awaitable[tuple[Transport, Recorder]]]

IN = Exchange("contract_in")
FAR_FROM_NOW = Envelope(message_id="1", expires=60)


@pytest.fixture(params=["memory", "rabbitmq"])
def configuration(request: pytest.FixtureRequest) -> Configuration:
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
