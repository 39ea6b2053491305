"""The API, on a broker in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from baton import API, Configuration, configure
from baton.errors import (
    BrokerUnavailable,
    InvalidMessage,
    PublishFailed,
    Unroutable,
)
from baton.transports import (
    Binding,
    Delivery,
    Exchange,
    Queue,
    Topology,
    TransportListener,
)
from baton.transports.memory import MemoryBroker, MemoryTransport, memory_broker

PING = {"type": "ping"}
EXCHANGE = "baton_echo_in"


class EchoAPI(API):
    extension = "baton-echo"

    def ping(self, environment: str) -> str:
        return self.publish(PING, environment)


class Inbox(TransportListener):
    """A queue on the input exchange, and what arrives there."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._transport = MemoryTransport(broker, self)
        self._arrived: asyncio.Queue[Delivery] = asyncio.Queue()

    async def listen(self, exchange: str, *keys: str) -> None:
        await self._transport.open()
        bindings = [Binding("inbox", exchange, key) for key in keys]
        await self._transport.declare(Topology([Exchange(exchange)], [Queue("inbox")], bindings))
        await self._transport.consume("inbox", 1000)

    async def next(self) -> Delivery:
        return await asyncio.wait_for(self._arrived.get(), 5)

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._arrived.put_nowait(delivery)

    async def close(self) -> None:
        await self._transport.close()


@pytest.fixture
def broker(memory_url: str) -> MemoryBroker:
    return memory_broker(memory_url.removeprefix("memory://"))


@pytest.fixture
def api(memory_url: str) -> EchoAPI:
    return EchoAPI(Configuration(rabbit_url=memory_url))


@pytest.fixture
async def inbox(broker: MemoryBroker) -> AsyncIterator[Inbox]:
    """Listens on ``production`` and ``shop.production``."""
    inbox = Inbox(broker)
    await inbox.listen(EXCHANGE, "production", "shop.production")
    yield inbox
    await inbox.close()


async def test_publish_returns_the_message_id(api: EchoAPI, inbox: Inbox) -> None:
    message_id = api.ping("production")
    delivery = await inbox.next()
    assert delivery.envelope.message_id == message_id
    assert delivery.body == b'{"type":"ping"}'
    assert delivery.routing_key == "production"


async def test_every_publish_has_an_id_of_its_own(api: EchoAPI, inbox: Inbox) -> None:
    assert len({api.ping("production") for _ in range(50)}) == 50


async def test_several_targets_share_one_id(api: EchoAPI, inbox: Inbox) -> None:
    message_id = api.publish(PING, ["production", "shop.production"], reply_to="key", expires=5)
    deliveries = [await inbox.next(), await inbox.next()]
    assert [each.routing_key for each in deliveries] == ["production", "shop.production"]
    assert {each.envelope.message_id for each in deliveries} == {message_id}
    assert {each.envelope.reply_to for each in deliveries} == {"key"}
    assert {each.envelope.expires for each in deliveries} == {5}


def test_a_target_before_any_service_has_connected(api: EchoAPI) -> None:
    with pytest.raises(Unroutable) as caught:
        api.ping("production")
    assert caught.value.missing
    assert caught.value.keys == ("production",)
    assert str(caught.value) == (
        'No server listens on "production" (exchange baton_echo_in): '
        "no service has connected yet, the exchange does not exist"
    )


@pytest.mark.usefixtures("inbox")
async def test_a_target_that_nobody_listens_on(api: EchoAPI) -> None:
    with pytest.raises(Unroutable) as caught:
        api.ping("staging")
    assert not caught.value.missing
    assert str(caught.value) == 'No server listens on "staging" (exchange baton_echo_in)'


async def test_each_target_that_nobody_listens_on_is_named(api: EchoAPI, inbox: Inbox) -> None:
    with pytest.raises(Unroutable) as caught:
        api.publish(PING, ["staging", "production", "qa"])
    assert caught.value.keys == ("staging", "qa")
    assert (await inbox.next()).routing_key == "production", "the others are done all the same"


@pytest.mark.parametrize(
    ("message", "keys"), [({}, "production"), (PING, ""), (PING, []), ({"type": 7}, "production")]
)
def test_wrong_input(api: EchoAPI, message: dict[str, object], keys: str | list[str]) -> None:
    with pytest.raises(InvalidMessage):
        api.publish(message, keys)


async def test_another_exchange(memory_url: str, broker: MemoryBroker) -> None:
    inbox = Inbox(broker)
    await inbox.listen("other", "production")
    with EchoAPI(Configuration(rabbit_url=memory_url, exchange="other")) as api:
        message_id = api.ping("production")
    assert (await inbox.next()).envelope.message_id == message_id
    await inbox.close()


def test_a_broker_that_is_away(api: EchoAPI, broker: MemoryBroker) -> None:
    broker.stop()
    with pytest.raises(BrokerUnavailable, match="No broker could be reached"):
        api.ping("production")


async def test_a_broker_that_is_away_weighs_more_than_a_target_without_a_queue(
    api: EchoAPI, broker: MemoryBroker, inbox: Inbox
) -> None:
    broker.block()
    with pytest.raises(BrokerUnavailable, match="blocked"):
        api.publish(PING, ["staging", "production"])


# Many


async def test_publish_many(api: EchoAPI, inbox: Inbox) -> None:
    commands = [({"type": "ping", "n": n}, "production") for n in range(100)]
    ids = api.publish_many(commands, expires=5)
    deliveries = [await inbox.next() for _ in commands]
    assert [each.envelope.message_id for each in deliveries] == ids
    assert len(set(ids)) == 100
    assert deliveries[99].body == b'{"type":"ping","n":99}'
    assert deliveries[99].envelope.expires == 5


def test_publish_none(api: EchoAPI) -> None:
    assert api.publish_many([]) == []


async def test_publish_many_tells_which_failed(api: EchoAPI, inbox: Inbox) -> None:
    with pytest.raises(PublishFailed) as caught:
        api.publish_many(
            [
                (PING, "production"),
                (PING, "staging"),
                (PING, ["qa", "production", "dev"]),
                (PING, "shop.production"),
            ]
        )
    error = caught.value
    assert str(error) == (
        "2 of 4 were not published, the first: "
        'No server listens on "staging" (exchange baton_echo_in)'
    )
    arrived = [await inbox.next() for _ in range(3)]
    assert error.ids == (arrived[0].envelope.message_id, arrived[2].envelope.message_id)
    assert list(error.errors) == [1, 2]
    unroutable = error.errors[2]
    assert isinstance(unroutable, Unroutable)
    assert unroutable.keys == ("qa", "dev")


async def test_one_wrong_command_of_many_publishes_none(api: EchoAPI, inbox: Inbox) -> None:
    with pytest.raises(InvalidMessage):
        api.publish_many([(PING, "production"), ({}, "production")])
    message_id = api.ping("production")
    assert (await inbox.next()).envelope.message_id == message_id


# The object


@pytest.mark.usefixtures("inbox")
async def test_a_context_manager_closes(api: EchoAPI) -> None:
    with api as entered:
        assert entered is api
        api.ping("production")
    with pytest.raises(BrokerUnavailable, match="closed"):
        api.ping("production")
    api.close()


async def test_without_a_configuration_the_sources_are_read(memory_url: str, inbox: Inbox) -> None:
    configure(url=memory_url)
    with EchoAPI() as api:
        message_id = api.ping("production")
    assert (await inbox.next()).envelope.message_id == message_id
