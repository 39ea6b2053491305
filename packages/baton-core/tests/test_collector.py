"""The collector, on a broker in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from baton import Collector, Reply
from baton.errors import (
    BrokerError,
    BrokerUnavailable,
    InvalidMessage,
    PublishTimeout,
    Unroutable,
)
from baton.fleet import collector as collector_module
from baton.fleet import pool
from baton.message import Envelope
from baton.transports import (
    Binding,
    Delivery,
    Exchange,
    Publication,
    Queue,
    Topology,
    TransportListener,
)
from baton.transports.memory import MemoryTransport

if TYPE_CHECKING:
    from conftest import Fleet

    from baton.transports.memory.broker import MemoryBroker


async def collect(
    collector: Collector, timeout: float = 5, count: int | None = None
) -> list[Reply]:
    """All that is said, or, however slow the machine is, so many and what came with them."""
    replies = []
    async for reply in collector.replies(timeout):
        replies.append(reply)
        if len(replies) == count:
            break
    while (more := collector.take()) is not None:
        replies.append(more)
    return replies


async def test_yields_each_output_and_ends_when_all_named_servers_have_finished(
    fleet: Fleet,
) -> None:
    await fleet.add("a", "b")
    async with fleet.collector() as collector:
        await collector.send({"type": "greet"}, ["a", "b"])
        replies = await collect(collector)
    assert collector.is_complete
    assert sorted((reply.fqdn, reply.message.type) for reply in replies) == [
        ("a", "info"),
        ("a", "success"),
        ("b", "info"),
        ("b", "success"),
    ]
    assert all(reply.is_output and not reply.original for reply in replies)
    assert all(0 < reply.elapsed < 5 for reply in replies)
    assert len({reply.instance for reply in replies}) == 2
    ends = [reply.end for reply in replies if reply.end is not None]
    assert [(end["outcome"], end["outputs"]) for end in ends] == [("done", 2)] * 2


async def test_an_environment_is_waited_for_until_the_timeout(fleet: Fleet) -> None:
    await fleet.add("a", "b")
    async with fleet.collector() as collector:
        await collector.send({"type": "greet"}, ["production"])
        replies = await collect(collector, timeout=2)
    assert len(replies) == 4
    assert not collector.is_complete


async def test_an_error_and_a_silent_end_are_replies_too(fleet: Fleet) -> None:
    await fleet.add("a")
    for kind, is_output, outcome in (("fail", True, "failed"), ("quiet", False, "done")):
        async with fleet.collector() as collector:
            await collector.send({"type": kind}, ["a"])
            (reply,) = await collect(collector)
        assert reply.is_output is is_output
        assert reply.end is not None
        assert reply.end["outcome"] == outcome
        assert reply.fqdn == "a"


async def test_names_the_targets_that_nobody_listens_on(fleet: Fleet) -> None:
    await fleet.add("a")
    async with fleet.collector() as collector:
        await collector.send({"type": "greet"}, ["nowhere", "a", "nobody"])
        replies = await collect(collector)
    assert len(replies) == 2
    assert collector.unroutable == ("nowhere", "nobody")


async def test_nobody_at_all_is_unroutable_at_once(fleet: Fleet) -> None:
    await fleet.add("a")
    async with fleet.collector() as collector:
        with pytest.raises(Unroutable) as caught:
            await collector.send({"type": "greet"}, ["nowhere"])
    assert caught.value.keys == ("nowhere",)
    assert not caught.value.missing


async def test_no_service_ever_is_unroutable_too(fleet: Fleet) -> None:
    async with fleet.collector() as collector:
        with pytest.raises(Unroutable, match="no service has connected yet") as caught:
            await collector.send({"type": "greet"}, ["production"])
    assert caught.value.missing
    assert fleet.broker.exchanges == []


async def test_no_input_exchange_is_unroutable_too(fleet: Fleet) -> None:
    await fleet.add("a")
    async with fleet.collector(exchange="elsewhere_in") as collector:
        with pytest.raises(Unroutable, match="elsewhere_in") as caught:
            await collector.send({"type": "greet"}, ["production"])
    assert caught.value.missing


async def test_no_broker_is_unavailable(fleet: Fleet) -> None:
    fleet.broker.stop("connection refused")
    with pytest.raises(BrokerUnavailable, match=r"No broker could be reached: .*refused"):
        async with fleet.collector():
            pass


async def test_a_wrong_message_is_refused_before_anything_is_published(fleet: Fleet) -> None:
    async with fleet.collector() as collector:
        with pytest.raises(InvalidMessage):
            await collector.send({}, ["production"])


async def test_a_broker_that_does_not_confirm_leaves_the_outcome_unknown(fleet: Fleet) -> None:
    await fleet.add("a")
    async with fleet.collector(deadline=2) as collector:
        fleet.broker.block()
        with pytest.raises(PublishTimeout, match="may still arrive"):
            await collector.send({"type": "greet"}, ["a"])
    fleet.broker.unblock()


async def test_what_the_broker_says_late_of_one_send_is_not_of_the_next(fleet: Fleet) -> None:
    await fleet.add("a")
    async with fleet.collector(deadline=2) as collector:
        fleet.broker.block()
        with pytest.raises(PublishTimeout):
            await collector.send({"type": "greet"}, ["nowhere"])
        fleet.broker.unblock()
        await collector.send({"type": "greet"}, ["a"])
        assert collector.unroutable == ("nowhere",)
        assert {reply.fqdn for reply in await collect(collector)} == {"a"}

        fleet.broker.block()
        with pytest.raises(PublishTimeout):
            await collector.send({"type": "greet"}, ["neither"])
        fleet.broker.unblock()
        with pytest.raises(Unroutable) as caught:
            await collector.send({"type": "greet"}, ["nor"])
        assert caught.value.keys == ("nor",)


async def test_a_lost_connection_ends_it(fleet: Fleet) -> None:
    await fleet.add("a")
    async with fleet.collector() as collector:
        await collector.send({"type": "greet"}, ["production"])
        fleet.broker.disconnect()
        with pytest.raises(BrokerUnavailable, match="The connection to the broker was lost"):
            await collect(collector)


async def test_a_deleted_reply_queue_ends_it(fleet: Fleet) -> None:
    await fleet.add("a")
    async with fleet.collector() as collector:
        await collector.send({"type": "greet"}, ["production"])
        (queue,) = [q.name for q in fleet.broker.queues if "requester" in q.name]
        fleet.broker.delete_queue(queue)
        with pytest.raises(BrokerUnavailable, match="was deleted"):
            await collect(collector)


async def test_two_collectors_do_not_see_each_others_replies(fleet: Fleet) -> None:
    await fleet.add("a")
    async with fleet.collector() as one, fleet.collector() as two:
        await one.send({"type": "greet"}, ["a"])
        await two.send({"type": "greet"}, ["a"])
        assert [len(replies) for replies in (await collect(one), await collect(two))] == [2, 2]


async def test_its_queue_goes_with_it(fleet: Fleet) -> None:
    await fleet.add("a")
    async with fleet.collector() as collector:
        await collector.send({"type": "greet"}, ["a"])
        await collect(collector)
    assert not [q for q in fleet.broker.queues if "requester" in q.name]


async def test_with_interop_a_ruby_server_is_an_original(fleet: Fleet) -> None:
    await fleet.add("a", interop=True)
    async with fleet.collector(interop=True) as collector:
        await collector.send({"type": "greet"}, ["production"])
        pong = b'{"type":"pong","environment":"production","fqdn":"ruby","app_names":[]}'
        fleet.say("", pong, Envelope(content_type="application/octet-stream"))
        fleet.say("", pong, Envelope(correlation_id="of another's command"))
        fleet.say("", b"not json", Envelope())
        replies = await collect(collector, count=3)
    originals = [reply for reply in replies if reply.original]
    assert [reply.fqdn for reply in originals] == ["ruby"]
    # Ours came twice, by its reply key and by the empty one, and is counted once.
    assert len([reply for reply in replies if reply.fqdn == "a"]) == 2


async def test_an_output_that_was_sent_again_is_one_reply(fleet: Fleet) -> None:
    await fleet.add("a")
    async with fleet.collector() as collector:
        await collector.send({"type": "quiet"}, ["production"])
        (key,) = [key for _, key, queue in fleet.broker.bindings if "requester" in queue]
        envelope = Envelope(message_id="same", correlation_id=collector.message_id)
        for _ in range(2):
            fleet.say(key, b'{"type":"pong","fqdn":"b"}', envelope)
        replies = await collect(collector, count=2)
    assert len([reply for reply in replies if reply.fqdn == "b"]) == 1


async def test_is_not_connected_outside_of_its_context(fleet: Fleet) -> None:
    collector = fleet.collector()
    with pytest.raises(BrokerUnavailable, match="not connected"):
        await collector.send({"type": "greet"}, ["production"])


async def test_names_the_targets_that_are_listened_on_and_silent(fleet: Fleet) -> None:
    await fleet.add("a")
    await fleet.add("b", environment="staging")
    fleet.deafen("b")
    async with fleet.collector() as collector:
        await collector.send({"type": "greet"}, ["a", "b", "staging", "nowhere"])
        await collect(collector, count=2)
    assert collector.silent == ("b", "staging")
    assert collector.unroutable == ("nowhere",)


async def test_says_whether_a_server_has_done_it(fleet: Fleet) -> None:
    await fleet.add("a")
    found = []
    for kind in ("quiet", "fail", "greet"):
        async with fleet.collector() as collector:
            await collector.send({"type": kind}, ["a"])
            found.append([(r.succeeded, r.outcome) for r in await collect(collector)])
    assert found == [[(True, "done")], [(False, "failed")], [(None, ""), (True, "done")]]


async def test_sends_to_more_targets_under_the_same_id(fleet: Fleet) -> None:
    await fleet.add("a", "b")
    async with fleet.collector() as collector:
        await collector.send({"type": "greet"}, ["a", "nowhere"])
        first = collector.message_id
        assert len(await collect(collector)) == 2
        await collector.send({"type": "greet"}, ["nobody", "b"])
        replies = await collect(collector)
    assert collector.message_id == first
    assert {reply.fqdn for reply in replies} == {"b"}
    assert collector.targets == ("a", "nowhere", "nobody", "b")
    assert collector.unroutable == ("nowhere", "nobody")
    assert collector.is_complete


async def test_the_time_of_a_reply_is_that_since_its_own_target_was_published_to(
    fleet: Fleet,
) -> None:
    await fleet.add("a", "b")
    async with fleet.collector() as collector:
        await collector.send({"type": "quiet"}, ["a"])
        await collect(collector)
        began = time.monotonic()
        await collector.send({"type": "quiet"}, ["b"])
        (reply,) = await collect(collector)
    assert 0 < reply.elapsed < time.monotonic() - began


async def test_a_broker_that_confirms_slowly_is_waited_for_as_long_as_it_goes_on(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each confirm comes well within the deadline; all of them take longer."""
    await fleet.add("a")

    class Slow(MemoryTransport):
        def publish(self, publications: Sequence[Publication]) -> None:
            loop = asyncio.get_running_loop()
            for number, publication in enumerate(publications, start=1):
                loop.call_later(number * 0.4, super().publish, [publication])

    monkeypatch.setattr(
        pool, "open_transport", lambda _, __, listener, ___: Slow(fleet.broker, listener)
    )
    async with fleet.collector(deadline=2) as collector:
        nobody = [str(number) for number in range(6)]
        await collector.send({"type": "greet"}, ["a", *nobody])
        assert (collector.unconfirmed, collector.unroutable) == ((), tuple(nobody))
        assert len(await collect(collector)) == 2


@pytest.mark.parametrize("expires", [3.0, 60.0])
async def test_a_broker_that_delivers_answers_is_waited_for_until_the_command_expires(
    fleet: Fleet, expires: float
) -> None:
    """It brings those of the first servers while it is still at it for the last ones."""
    await fleet.add("a")
    async with fleet.collector(deadline=2) as collector:
        fleet.broker.block()
        sending = asyncio.create_task(
            collector.send({"type": "greet"}, ["production"], expires=expires)
        )
        began = time.monotonic()
        patience = 20 if expires == 3 else 4
        while not sending.done() and time.monotonic() - began < patience:
            if "requester" in str(fleet.broker.bindings):
                fleet.say(fleet.reply_key(), b'{"type":"pong"}', Envelope())
            await asyncio.sleep(0.05)
        fleet.broker.unblock()
        if expires == 3:
            with pytest.raises(PublishTimeout):
                await sending
            assert time.monotonic() - began >= 3
        else:
            await sending
            assert collector.unroutable == ()


async def test_what_waits_for_its_reader_stays_at_the_broker(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_module, "_PREFETCH", 10)
    await fleet.add("a")
    async with fleet.collector() as collector:
        await collector.send({"type": "quiet"}, ["production"])
        for number in range(100):
            envelope = Envelope(message_id=str(number), correlation_id=collector.message_id)
            fleet.say(fleet.reply_key(), b'{"type":"pong","fqdn":"b"}', envelope)
        await asyncio.sleep(0)
        assert len(collector._inbox) == 10
        replies = await collect(collector, count=101)
    assert [reply.message.message_id for reply in replies if reply.fqdn == "b"] == [
        str(number) for number in range(100)
    ]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"not json", {}),
        (b"[]", {}),
        (b'{"type":"end","fqdn":"b"}', {"baton-end": "done"}),
        (b'{"type":"end","fqdn":"b"}', {}),
    ],
)
async def test_what_is_no_reply_is_passed_over(
    fleet: Fleet, body: bytes, headers: dict[str, Any]
) -> None:
    await fleet.add("a")
    async with fleet.collector() as collector:
        await collector.send({"type": "quiet"}, ["a"])
        envelope = Envelope(correlation_id=collector.message_id, headers=headers)
        fleet.say(fleet.reply_key(), body, envelope)
        replies = await collect(collector)
    assert [reply.fqdn for reply in replies] == ["a"]
    assert collector.tally.answered == 1


async def test_what_was_taken_is_acknowledged_also_when_nothing_more_comes(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker closes the channel of who does not, after half an hour."""
    monkeypatch.setattr(collector_module, "_IDLE", 0.05)
    await fleet.add("a")
    async with fleet.collector() as collector:
        acknowledged: list[Delivery] = []
        assert collector._transport is not None
        monkeypatch.setattr(collector._transport, "acknowledge", acknowledged.extend)
        await collector.send({"type": "greet"}, ["production"])
        assert len(await collect(collector, timeout=2)) == len(acknowledged) == 2


class Withheld(MemoryTransport):
    """A cluster in which the node of some queues is dead, and the others do not know it yet: what
    goes there is neither delivered nor confirmed."""

    def publish(self, publications: Sequence[Publication]) -> None:
        dead = ("dead", "gone", "production")
        for each in publications:
            if each.routing_key not in dead:
                super().publish([each])
            elif each.routing_key == "production":  # it reaches others, too
                super().publish([replace(each, number=-1)])


@pytest.fixture
def withheld(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        pool, "open_transport", lambda _, __, listener, ___: Withheld(fleet.broker, listener)
    )


@pytest.mark.usefixtures("withheld")
async def test_what_is_not_confirmed_for_one_target_goes_to_the_others(fleet: Fleet) -> None:
    await fleet.add("a", "b")
    async with fleet.collector(deadline=2) as collector:
        began = time.monotonic()
        await collector.send({"type": "greet"}, ["dead", "a", "gone", "nowhere", "b"])
        assert time.monotonic() - began < 3.9  # not the deadline of each
        assert collector.unconfirmed == ("dead", "gone")
        assert collector.unroutable == ("nowhere",)
        replies = await collect(collector, count=4)
    assert {reply.fqdn for reply in replies} == {"a", "b"}
    assert collector.silent == ("dead", "gone")


@pytest.mark.usefixtures("withheld")
async def test_answers_show_that_a_command_has_arrived_though_it_is_not_confirmed(
    fleet: Fleet,
) -> None:
    await fleet.add("a", "b")
    async with fleet.collector(deadline=2) as collector:
        await collector.send({"type": "greet"}, ["production"])
        assert collector.unconfirmed == ("production",)
        replies = await collect(collector, count=4)
    assert {reply.fqdn for reply in replies} == {"a", "b"}


@pytest.mark.usefixtures("withheld")
async def test_nothing_confirmed_and_no_answer_is_unknown(fleet: Fleet) -> None:
    await fleet.add("a")
    async with fleet.collector(deadline=2) as collector:
        with pytest.raises(PublishTimeout, match="may still arrive"):
            await collector.send({"type": "greet"}, ["dead", "gone"])
        assert collector.unconfirmed == ("dead", "gone")


class Paced(MemoryTransport):
    """A broker on a line on which an answer takes a while. It notes how many were under way at
    most, and when."""

    under_way = 0
    most = 0

    def __init__(self, broker: MemoryBroker, listener: TransportListener) -> None:
        super().__init__(broker, listener)
        self.moments: list[float] = []

    def publish(self, publications: Sequence[Publication]) -> None:
        self.moments.append(time.monotonic())
        self.under_way += len(publications)
        self.most = max(self.most, self.under_way)
        asyncio.get_running_loop().call_later(0.1, self._arrive, list(publications))

    def _arrive(self, publications: Sequence[Publication]) -> None:
        self.under_way -= len(publications)
        super().publish(publications)


async def test_targets_are_published_to_in_windows(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_module, "_WINDOW", 10)
    monkeypatch.setattr(
        pool, "open_transport", lambda _, __, listener, ___: Paced(fleet.broker, listener)
    )
    await fleet.add("a", "z")
    nobody = [f"n{number}" for number in range(33)]
    async with fleet.collector() as collector:
        await collector.send({"type": "greet"}, ["a", *nobody, "z"])
        assert collector.unroutable == tuple(nobody)
        replies = await collect(collector)
        ended = time.monotonic()
        transport = collector._transport
    assert isinstance(transport, Paced)
    assert transport.most == 10
    assert len(transport.moments) == 4
    # The time of an answer is that since its own command was sent.
    assert {reply.fqdn for reply in replies} == {"a", "z"}
    assert max(each.elapsed for each in replies if each.fqdn == "z") < ended - transport.moments[-2]


@pytest.mark.usefixtures("withheld")
async def test_a_window_of_targets_that_are_not_confirmed_is_not_waited_for_twice(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_module, "_WINDOW", 2)
    await fleet.add("a", "b")
    async with fleet.collector(deadline=1.0) as collector:
        began = time.monotonic()
        await collector.send({"type": "greet"}, ["dead", "gone", "a", "nowhere", "b"])
        assert time.monotonic() - began >= 0.5
        assert collector.unconfirmed == ("dead", "gone")
        assert collector.unroutable == ("nowhere",)
        replies = await collect(collector, timeout=0.1)
    assert {reply.fqdn for reply in replies} == {"a", "b"}


async def test_a_broker_that_takes_nothing_keeps_the_next_window_from_being_sent(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_module, "_WINDOW", 2)
    await fleet.add("a")
    async with fleet.collector(deadline=0.2) as collector:
        fleet.broker.block()
        with pytest.raises(PublishTimeout, match="may still arrive"):
            await collector.send({"type": "greet"}, ["x", "y", "a"])
        assert collector.unconfirmed == ("x", "y")
    fleet.broker.unblock()


async def add_full_queue(fleet: Fleet, *keys: str) -> None:
    """One that takes nothing, as what is left of a server's when its node is dead."""
    arguments = {"x-queue-type": "classic", "x-max-length": 0, "x-overflow": "reject-publish"}
    transport = MemoryTransport(fleet.broker, TransportListener())
    await transport.open()
    await transport.declare(
        Topology(
            [Exchange("baton_greet_in")],
            [Queue("full", exclusive=False, arguments=arguments)],
            [Binding("full", "baton_greet_in", key) for key in keys],
        )
    )


async def test_a_queue_that_refuses_keeps_nobody_from_answering(fleet: Fleet) -> None:
    await fleet.add("a", "b", "c")
    await add_full_queue(fleet, "production", "b")
    async with fleet.collector() as collector:
        await collector.send({"type": "greet"}, ["production"])
        assert collector.unconfirmed == ("production",)
        assert len(await collect(collector, timeout=0.3)) == 6
    async with fleet.collector() as collector:
        await collector.send({"type": "greet"}, ["a", "b", "c"])
        assert len(await collect(collector)) == 6
        assert collector.unconfirmed == ("b",)
        assert collector.is_complete


async def test_what_every_queue_refuses_is_told(fleet: Fleet) -> None:
    await add_full_queue(fleet, "production")
    await fleet.add("a", environment="staging")
    async with fleet.collector(deadline=0.3) as collector:
        with pytest.raises(BrokerError, match="could not store the message in each queue"):
            await collector.send({"type": "greet"}, ["production"])
