"""Looking at dead letters, retrying and dropping them, on a broker in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from baton.configuration import Configuration
from baton.dead_letters import DeadLetters, Letter
from baton.dead_letters import letters as letters_module
from baton.durable import dead_letters, expired
from baton.errors import (
    BrokerError,
    BrokerUnavailable,
    InvalidMessage,
    LettersTaken,
    NotFound,
    PublishTimeout,
    UnknownLetter,
    Unroutable,
)
from baton.extension import Extension
from baton.message import Envelope
from baton.transports import Delivery, TransportListener, open_transport
from baton.transports.memory import MemoryBroker, MemoryTransport, memory_broker

if TYPE_CHECKING:
    from conftest import Graveyard

GREET = Extension("baton-greet")


@pytest.fixture
def settings(memory_url: str) -> Configuration:
    return Configuration(rabbit_url=memory_url, deadline=5)


@pytest.fixture
def broker(memory_url: str) -> MemoryBroker:
    return memory_broker(memory_url.removeprefix("memory://"))


async def look(settings: Configuration) -> list[Letter]:
    async with DeadLetters(settings, GREET) as dead:
        return [letter async for letter in dead.letters()]


async def bury_three(graveyard: Graveyard) -> None:
    """One command that two servers reject, and another."""
    await graveyard.bury("web01.example.org", message_id="m1")
    await graveyard.bury("web02.example.org", message_id="m1")
    await graveyard.bury("web01.example.org", message_id="n2")


async def test_looking_takes_nothing_away(graveyard: Graveyard, settings: Configuration) -> None:
    await bury_three(graveyard)
    looks = [await look(settings) for _ in range(25)]  # more than a limit of deliveries
    assert [(letter.command, letter.server) for letter in looks[0]] == [
        ("m1", "web01.example.org"),
        ("m1", "web02.example.org"),
        ("n2", "web01.example.org"),
    ]
    ids = [letter.id for letter in looks[0]]
    assert len(set(ids)) == 3
    assert all([letter.id for letter in each] == ids for each in looks)


async def test_a_look_that_is_broken_off_takes_nothing_away(
    graveyard: Graveyard, settings: Configuration
) -> None:
    await bury_three(graveyard)
    async with DeadLetters(settings, GREET) as dead:
        letters = dead.letters()
        first = await anext(letters)
        await letters.aclose()  # type: ignore[attr-defined]
    assert (await look(settings))[0].id == first.id
    assert await graveyard.transport.count(dead_letters(GREET)) == 3


async def test_no_durable_consumer_has_run(settings: Configuration) -> None:
    async with DeadLetters(settings, GREET) as dead:
        assert (dead.waiting, dead.expired) == (None, 0)
        assert [letter async for letter in dead.letters()] == []
        with pytest.raises(UnknownLetter):
            await dead.find(["a"])


async def test_there_are_none(graveyard: Graveyard, settings: Configuration) -> None:
    async with DeadLetters(settings, GREET) as dead:
        assert dead.waiting == 0
        assert [letter async for letter in dead.letters()] == []
    assert await graveyard.transport.count(dead_letters(GREET)) == 0


async def test_the_expired_are_counted(graveyard: Graveyard, settings: Configuration) -> None:
    queue = await graveyard.queue_of("web01.example.org")
    for _ in range(2):
        graveyard.publish("", queue, b"{}", Envelope(expires=0))
    async with DeadLetters(settings, GREET) as dead:
        assert (dead.waiting, dead.expired) == (0, 2)
    assert await graveyard.transport.count(expired(GREET)) == 2


async def test_two_at_once(graveyard: Graveyard, settings: Configuration) -> None:
    await bury_three(graveyard)
    async with DeadLetters(settings, GREET) as dead:
        with pytest.raises(LettersTaken, match=r"of baton-greet \(they hold the queue baton-greet"):
            await look(settings)
        assert len([letter async for letter in dead.letters()]) == 3
    assert len(await look(settings)) == 3


async def test_those_that_die_meanwhile_are_for_the_next_look(
    graveyard: Graveyard, settings: Configuration
) -> None:
    await graveyard.bury("web01.example.org", message_id="m1")
    async with DeadLetters(settings, GREET) as dead:
        found = []
        async for letter in dead.letters():
            found.append(letter.command)
            dead.drop(letter)
            await graveyard.bury("web01.example.org", message_id=f"next {len(found)}")
    assert found == ["m1"]
    assert [letter.command for letter in await look(settings)] == ["next 1"]


async def test_the_oldest_make_room_meanwhile(
    graveyard: Graveyard, memory_url: str, broker: MemoryBroker
) -> None:
    await bury_three(graveyard)
    settings = Configuration(rabbit_url=memory_url, deadline=2)
    async with DeadLetters(settings, GREET) as dead:
        broker.queue(dead_letters(GREET), None).messages.clear()  # type: ignore[arg-type]
        assert dead.waiting == 3
        assert [letter async for letter in dead.letters()] == []


async def test_find_by_the_beginning_of_an_id(
    graveyard: Graveyard, settings: Configuration
) -> None:
    await bury_three(graveyard)
    first, second, third = await look(settings)

    async def find(*names: str) -> list[str]:
        async with DeadLetters(settings, GREET) as dead:
            return [letter.id for letter in await dead.find(names)]

    assert await find(second.id) == [second.id]
    assert await find("n") == [third.id]
    assert await find(third.id, second.id[:8].upper()) == [second.id, third.id]
    assert await find("m1", first.id) == [first.id, second.id]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ffff-none", r'No dead letter of baton-greet is called "ffff-none"'),
        ("x\x1b" + "y" * 99, r'is called "x�y{37}…"'),
        ("m", r'"m" may be 2 dead letters of baton-greet: [0-9a-f]{12}, [0-9a-f]{12}; more of'),
    ],
)
async def test_find_no_one(
    graveyard: Graveyard, settings: Configuration, name: str, reason: str
) -> None:
    await bury_three(graveyard)
    async with DeadLetters(settings, GREET) as dead:
        with pytest.raises(UnknownLetter, match=reason):
            await dead.find(["n2", name])
    assert len(await look(settings)) == 3


async def test_many_that_are_meant_are_not_all_named(
    graveyard: Graveyard, settings: Configuration
) -> None:
    for number in range(4):
        await graveyard.bury("web01.example.org", message_id=f"m{number}")
    async with DeadLetters(settings, GREET) as dead:
        with pytest.raises(UnknownLetter, match=r"4 dead letters .*: \w+, \w+, \w+, …; more"):
            await dead.find(["m"])


async def test_drop(graveyard: Graveyard, settings: Configuration) -> None:
    await bury_three(graveyard)
    async with DeadLetters(settings, GREET) as dead:
        for letter in await dead.find(["m1"]):
            dead.drop(letter)
    assert [letter.command for letter in await look(settings)] == ["n2"]


class Server(TransportListener):
    """Takes what comes to the durable queue of a server."""

    def __init__(self, settings: Configuration) -> None:
        self.deliveries: list[Delivery] = []
        self.transport = open_transport(settings, settings.endpoints[0], self, "server")
        self._told = asyncio.Event()

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        self.deliveries += deliveries
        self._told.set()

    async def next(self, queue: str) -> Delivery:
        await self.transport.open()
        await self.transport.consume(queue, 1)
        await self._told.wait()
        await self.transport.close()
        return self.deliveries.pop()


async def test_retry(graveyard: Graveyard, settings: Configuration) -> None:
    await bury_three(graveyard)
    async with DeadLetters(settings, GREET) as dead:
        (letter,) = await dead.find(["n2"])
        command = await dead.retry(letter, 7)
        retried = await Server(settings).next("baton-greet.web01.example.org.greeter")
    assert (retried.body, retried.envelope.message_id) == (b'{"type":"greet"}', command)
    assert (retried.envelope.expires, retried.envelope.persistent) == (7, True)
    assert retried.envelope.headers["baton-retry-of"] == "n2"
    assert await graveyard.transport.count("baton-greet.web02.example.org.greeter") == 0
    assert [letter.command for letter in await look(settings)] == ["m1", "m1"]


async def test_it_expires_when_the_settings_say(graveyard: Graveyard, memory_url: str) -> None:
    settings = Configuration(rabbit_url=memory_url, expires=33)
    await graveyard.bury("web01.example.org")
    async with DeadLetters(settings, GREET) as dead:
        async for letter in dead.letters():
            await dead.retry(letter)
    retried = await Server(settings).next("baton-greet.web01.example.org.greeter")
    assert retried.envelope.expires == 33


async def test_what_cannot_be_retried_stays(graveyard: Graveyard, settings: Configuration) -> None:
    await bury_three(graveyard)
    graveyard.forge(message_id="forged", headers={"x-first-death-queue": "somebody.else"})
    await graveyard.transport.delete_queue("baton-greet.web02.example.org.greeter")
    outcomes: list[str] = []
    async with DeadLetters(settings, GREET) as dead:
        async for letter in dead.letters():
            try:
                await dead.retry(letter)
            except (Unroutable, InvalidMessage) as error:
                outcomes.append(type(error).__name__)
            else:
                outcomes.append("retried")
    assert outcomes == ["retried", "Unroutable", "retried", "InvalidMessage"]
    assert [letter.command for letter in await look(settings)] == ["m1", "forged"]


async def test_all_are_retried_in_order_and_what_cannot_be_stays(
    graveyard: Graveyard, settings: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters_module, "_UNDER_WAY", 2)
    await bury_three(graveyard)
    graveyard.forge(message_id="forged", headers={"x-first-death-queue": "somebody.else"})
    await graveyard.bury("web01.example.org", message_id="o3")
    await graveyard.transport.delete_queue("baton-greet.web02.example.org.greeter")
    async with DeadLetters(settings, GREET) as dead:
        told = [each async for each in dead.retry_all(dead.letters(), 7)]
    assert [letter.command for letter, _ in told] == ["m1", "m1", "n2", "forged", "o3"]
    assert [type(outcome) for _, outcome in told] == [str, Unroutable, str, InvalidMessage, str]
    first = await Server(settings).next("baton-greet.web01.example.org.greeter")
    assert (first.envelope.message_id, first.envelope.expires) == (told[0][1], 7)
    assert [letter.command for letter in await look(settings)] == ["m1", "forged"]


async def test_several_retries_are_under_way_at_once(
    graveyard: Graveyard, settings: Configuration, broker: MemoryBroker
) -> None:
    """None is waited for while there are letters, up to a number of them."""
    await bury_three(graveyard)
    async with DeadLetters(settings, GREET) as dead:
        letters = [letter async for letter in dead.letters()]
        broker.block()

        async def those() -> AsyncIterator[Letter]:
            for letter in letters:
                yield letter
            broker.unblock()  # before a retry is confirmed: all were sent

        told = [letter.id async for letter, _ in dead.retry_all(those())]
    assert told == [letter.id for letter in letters]
    assert await look(settings) == []


async def test_what_was_confirmed_before_the_connection_is_lost_is_told(
    graveyard: Graveyard, settings: Configuration, broker: MemoryBroker
) -> None:
    await bury_three(graveyard)
    await graveyard.transport.close()
    told: list[str | None] = []

    async def retry_until_it_is_lost() -> None:
        async with DeadLetters(settings, GREET) as dead:
            letters = [letter async for letter in dead.letters()]

            async def those() -> AsyncIterator[Letter]:
                broker.block()
                yield letters[0]
                yield letters[1]
                broker.unblock()
                await dead._until(lambda: not dead._unsettled)
                broker.block()
                yield letters[2]
                broker.disconnect()

            async for letter, _ in dead.retry_all(those()):
                told.append(letter.server)

    with pytest.raises(BrokerUnavailable, match="was lost"):
        await retry_until_it_is_lost()
    assert told == ["web01.example.org", "web02.example.org"]
    broker.unblock()
    assert (await look(settings))[-1].command == "n2"


async def test_a_retry_that_is_not_confirmed(
    graveyard: Graveyard, memory_url: str, broker: MemoryBroker
) -> None:
    await graveyard.bury("web01.example.org")
    async with DeadLetters(Configuration(rabbit_url=memory_url, deadline=2), GREET) as dead:
        (letter,) = [letter async for letter in dead.letters()]
        broker.block()
        with pytest.raises(PublishTimeout, match=f"confirm the retry of {letter.id}: it may be"):
            await dead.retry(letter)
    assert await graveyard.transport.count(dead_letters(GREET)) == 1


async def test_a_retry_that_the_broker_refuses(
    graveyard: Graveyard, settings: Configuration, broker: MemoryBroker
) -> None:
    await graveyard.bury("web01.example.org")
    async with DeadLetters(settings, GREET) as dead:
        (letter,) = [letter async for letter in dead.letters()]
        broker.block()
        asyncio.get_running_loop().call_soon(dead.refused, [1])
        with pytest.raises(BrokerError, match=r"\(basic.nack\): the letter stays"):
            await dead.retry(letter)
    assert await graveyard.transport.count(dead_letters(GREET)) == 1


async def test_the_broker_is_away(settings: Configuration, broker: MemoryBroker) -> None:
    broker.stop("connection refused")
    with pytest.raises(BrokerUnavailable, match="No broker could be reached: memory"):
        await look(settings)


@pytest.mark.parametrize(
    ("what", "error", "reason"),
    [
        ("disconnect", BrokerUnavailable, "The connection to the broker was lost"),
        ("close_channels", NotFound, "the channel was closed"),
    ],
)
async def test_it_is_lost_meanwhile(
    graveyard: Graveyard,
    settings: Configuration,
    broker: MemoryBroker,
    what: str,
    error: type[Exception],
    reason: str,
) -> None:
    await bury_three(graveyard)
    await graveyard.transport.close()
    async with DeadLetters(settings, GREET) as dead:
        (*_, letter) = [letter async for letter in dead.letters()]
        broker.block()
        asyncio.get_running_loop().call_soon(getattr(broker, what))
        with pytest.raises(error, match=reason):
            await dead.retry(letter)
    broker.unblock()
    assert len(await look(settings)) == 3


async def test_nothing_is_called_dropped_once_it_is_lost(
    graveyard: Graveyard, settings: Configuration, broker: MemoryBroker
) -> None:
    await bury_three(graveyard)
    await graveyard.transport.close()
    dead = DeadLetters(settings, GREET)
    await dead.__aenter__()
    letters = [letter async for letter in dead.letters()]
    broker.disconnect()
    while dead._failure is None:
        dead._told.clear()
        await asyncio.wait_for(dead._told.wait(), 5)
    with pytest.raises(BrokerUnavailable, match="was lost"):
        dead.drop(letters[0])
    await dead.__aexit__(None, None, None)
    assert len(await look(settings)) == 3


async def test_the_letters_are_deleted_meanwhile(
    graveyard: Graveyard, settings: Configuration
) -> None:
    await bury_three(graveyard)
    async with DeadLetters(settings, GREET) as dead:
        letters = dead.letters()
        await anext(letters)
        await graveyard.transport.delete_queue(dead_letters(GREET))
        with pytest.raises(NotFound, match=r"baton-greet\.dead-letters was deleted meanwhile"):
            await _retry_all(dead, letters)


async def _retry_all(dead: DeadLetters, letters: Any) -> None:
    async for letter in letters:
        await dead.retry(letter)


async def test_a_broker_that_falls_silent(
    graveyard: Graveyard, memory_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bury_three(graveyard)
    async with DeadLetters(Configuration(rabbit_url=memory_url, deadline=2), GREET) as dead:
        monkeypatch.setattr(dead, "delivered", lambda _: None)  # they are lost on the way
        await graveyard.bury("web01.example.org")
        with pytest.raises(BrokerUnavailable, match=r"does not answer within 2 s"):
            [letter async for letter in dead.letters()]


async def test_the_broker_does_not_say_that_what_was_dropped_is_gone(
    graveyard: Graveyard, memory_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bury_three(graveyard)

    async def cancel(_: object, __: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(MemoryTransport, "cancel", cancel)
    settings = Configuration(rabbit_url=memory_url, deadline=2)
    dead = DeadLetters(settings, GREET)
    await dead.__aenter__()
    for letter in [letter async for letter in dead.letters()]:
        dead.drop(letter)
    with pytest.raises(BrokerUnavailable, match=r"within 2 s: what was retried or dropped may be"):
        await dead.__aexit__(None, None, None)
    assert await look(settings) == []  # nobody holds the lock any more


async def test_it_was_not_opened(settings: Configuration) -> None:
    dead = DeadLetters(settings, GREET)
    dead.waiting = 1
    with pytest.raises(BrokerUnavailable, match="were not opened"):
        [letter async for letter in dead.letters()]


async def test_what_was_made_up_is_a_letter(graveyard: Graveyard, settings: Configuration) -> None:
    graveyard.forge(b"\xff" * 1_000_000, headers={"x-death": "no"})
    graveyard.forge(b"", message_id="\x1b[2J")
    found = await look(settings)
    assert [letter.queue for letter in found] == [None, None]
    assert len({letter.id for letter in found}) == 2
