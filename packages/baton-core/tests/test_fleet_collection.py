"""Requests to a fleet, carried out on a broker in memory."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from baton import Reply
from baton.errors import BrokerUnavailable, MessageError, PublishTimeout
from baton.fleet import Amount, Batches, Collection, Duplicate, Expected, Result, Runs
from baton.fleet import collection as collection_module
from baton.fleet import collector as collector_module
from baton.message import Envelope

if TYPE_CHECKING:
    from conftest import Fleet

A, B, C, D = (f"{letter}.example.org" for letter in "abcd")
ALL = Expected(names=frozenset({A, B, C}))
LONG = 20
"""Seconds that no test waits: what ends earlier did so because it was complete."""
SHORT = 2
"""Seconds in which all answer who answer at all."""


async def run(collection: Collection) -> Result:
    async with collection:
        async for _ in collection:
            pass
    return collection.result()


async def test_yields_each_reply_and_ends_when_all_the_expected_have_finished(
    fleet: Fleet,
) -> None:
    await fleet.add(A, B, C)
    async with fleet.collection(expected=ALL, timeout=LONG) as collection:
        said = [(reply.fqdn, reply.message.type) async for reply in collection]
    assert sorted(said) == [(name, kind) for name in (A, B, C) for kind in ("info", "success")]
    result = collection.result()
    assert result.complete
    assert result.succeeded
    assert (result.expected, result.answered, result.replies) == (3, 3, 6)
    assert (result.missing, result.unexpected, result.silent) == ((), (), ())
    assert result.latency is not None
    assert result.latency.count == 3
    assert 0 < result.took < LONG
    assert result.timeout == LONG
    assert time.time() - 60 < result.sent < time.time()
    assert result.message_id == collection.message_id


def say_many(fleet: Fleet, collection: Collection, count: int) -> None:
    """So many answers come at once."""
    for number in range(count):
        envelope = Envelope(message_id=str(number), correlation_id=collection.message_id)
        fleet.say(fleet.reply_key(), b'{"type":"pong","fqdn":"x"}', envelope)


async def test_says_when_no_other_reply_is_here(fleet: Fleet) -> None:
    await fleet.add(A)
    seen: list[str] = []
    collection = fleet.collection(A, timeout=LONG, pausing=lambda: seen.append("pause"))
    async with collection:
        async for reply in collection:
            if not seen.count("info"):
                say_many(fleet, collection, 3)
            seen.append(reply.message.type)
    before = seen.index("info")
    assert set(seen[:before]) == {"pause"}
    rest = " ".join(seen[before:])
    # Those that came while the first was read are not paused between.
    assert "pong pong pong" in rest
    assert rest.endswith("pause")


async def test_the_event_loop_has_its_turn_while_replies_are_here(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection_module, "_TURN", 10)
    await fleet.add(A)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = None
    async with fleet.collection(A, timeout=LONG) as collection:
        async for reply in collection:
            if counting is None:
                say_many(fleet, collection, 100)
                counting = asyncio.create_task(count_turns())
            elif reply.message.message_id == "49":
                assert turns >= 4
                break
    assert counting is not None
    counting.cancel()


async def test_a_number_of_servers_is_enough(fleet: Fleet) -> None:
    await fleet.add(A, B)
    result = await run(fleet.collection(expected=Expected(number=2), timeout=LONG))
    assert result.complete
    assert (result.expected, result.missing_count) == (2, 0)


async def test_names_who_is_missing_and_who_was_not_expected(fleet: Fleet) -> None:
    await fleet.add(A, D)
    result = await run(fleet.collection(expected=ALL, timeout=SHORT))
    assert (result.missing, result.missing_count, result.unexpected) == ((B, C), 2, (D,))
    assert not result.complete
    assert not result.succeeded
    assert result.took >= SHORT


async def test_counts_who_is_missing_of_a_number(fleet: Fleet) -> None:
    await fleet.add(A)
    result = await run(fleet.collection(expected=Expected(number=3), timeout=SHORT))
    assert (result.missing, result.missing_count) == ((), 2)


async def test_a_server_that_has_not_finished_is_missing(fleet: Fleet) -> None:
    await fleet.add(A)
    async with fleet.collection(expected=Expected(names=frozenset({A, B})), timeout=SHORT) as run:
        async for reply in run:
            if reply.fqdn == A and reply.end is not None:
                fleet.say(
                    fleet.reply_key(),
                    json.dumps({"type": "pong", "fqdn": B}).encode(),
                    Envelope(correlation_id=run.message_id, headers={"baton-instance": "b"}),
                )
    assert run.result().missing == (B,)
    assert run.result().replies == 3


async def test_servers_that_are_named_end_it_when_all_have_finished(fleet: Fleet) -> None:
    await fleet.add(A, B)
    result = await run(fleet.collection((A, B), timeout=LONG))
    assert result.complete
    assert (result.expected, result.answered) == (None, 2)


async def test_two_servers_of_one_name_are_a_duplicate(fleet: Fleet) -> None:
    """Also where the first of them is all that was waited for."""
    await fleet.add(A, A)
    result = await run(fleet.collection(A, timeout=LONG))
    assert result.duplicates == (Duplicate(A, 2),)
    assert result.answered == 1


async def test_failures_are_told(fleet: Fleet) -> None:
    await fleet.add(A, B)
    result = await run(fleet.collection((A, B), "fail", timeout=LONG))
    assert {(each.fqdn, each.outcome, each.error_class) for each in result.errors} == {
        (A, "failed", "ValueError"),
        (B, "failed", "ValueError"),
    }
    assert not result.succeeded


async def test_nobody_at_all_ends_it_at_once(fleet: Fleet) -> None:
    await fleet.add(A)
    collection = fleet.collection(("nowhere", "nobody"), expected=ALL, timeout=LONG)
    result = await run(collection)
    assert result.unroutable == ("nowhere", "nobody")
    assert result.missing == (A, B, C)
    assert not result.complete
    assert not collection.exchange_missing


async def test_no_service_ever_is_nobody_too(fleet: Fleet) -> None:
    collection = fleet.collection(timeout=LONG)
    result = await run(collection)
    assert result.unroutable == ("production",)
    assert result.took < 5
    assert collection.exchange_missing


async def test_no_input_exchange_is_nobody_too(fleet: Fleet) -> None:
    await fleet.add(A)
    fleet.broker.delete_exchange(fleet.extension.exchange)
    collection = fleet.collection(timeout=LONG)
    result = await run(collection)
    assert result.unroutable == ("production",)
    assert collection.exchange_missing


async def test_a_named_server_that_does_not_listen_is_not_waited_for(fleet: Fleet) -> None:
    await fleet.add(A)
    expected = Expected(names=frozenset({A, B}))
    result = await run(fleet.collection((A, B), expected=expected, timeout=LONG))
    assert (result.missing, result.unroutable, result.answered) == ((B,), (B,), 1)


async def test_a_number_of_servers_is_not_waited_for_when_all_that_are_named_have_finished(
    fleet: Fleet,
) -> None:
    await fleet.add(A)
    result = await run(fleet.collection((A, B), expected=Expected(number=2), timeout=LONG))
    assert (result.missing_count, result.unroutable, result.answered) == (1, (B,), 1)
    assert not result.complete
    assert result.took < 5


async def test_who_listens_and_says_nothing_is_silent_unless_it_is_missing(fleet: Fleet) -> None:
    await fleet.add(A, B)
    await fleet.add(C, environment="staging")
    fleet.deafen(B)
    fleet.deafen(C)
    targets = (A, B, "staging")
    assert (await run(fleet.collection(targets, timeout=SHORT))).silent == (B, "staging")
    result = await run(fleet.collection(targets, expected=ALL, timeout=SHORT))
    assert (result.missing, result.silent) == ((B, C), ("staging",))


async def test_a_filter_leaves_servers_out_who_are_not_silent(fleet: Fleet) -> None:
    await fleet.add(A, B)
    result = await run(fleet.collection((A, "production"), where=(f"fqdn={A}",), timeout=SHORT))
    assert result.answered == 1
    assert result.where == (f"fqdn={A}",)
    assert result.succeeded
    nobody = await run(fleet.collection(where=("fqdn=x",), timeout=SHORT))
    assert (nobody.silent, nobody.answered, nobody.succeeded) == ((), 0, False)


async def test_a_splay_is_waited_for(fleet: Fleet) -> None:
    await fleet.add(A, B, C)
    collection = fleet.collection(expected=ALL, splay=0.2)
    result = await run(collection)
    assert result.complete
    assert result.timeout == pytest.approx(2.203)
    assert 0 < result.took < result.timeout


async def test_with_interop_a_ruby_server_has_answered(fleet: Fleet) -> None:
    await fleet.add(A, interop=True)
    pong = json.dumps({"type": "pong", "environment": "production", "fqdn": B}).encode()
    expected = Expected(names=frozenset({A, B}))
    async with fleet.collection(expected=expected, timeout=LONG, interop=True) as collection:
        async for reply in collection:
            if reply.end is not None:
                fleet.say("", pong, Envelope())
    result = collection.result()
    assert result.complete
    assert (result.originals, result.answered, result.missing) == ((B,), 1, ())
    assert collection.progress.answered == 2


async def test_an_account_at_any_time(fleet: Fleet) -> None:
    await fleet.add(A, B)
    collection = fleet.collection(expected=ALL, timeout=LONG)
    before = collection.result()
    assert (before.message_id, before.took, before.missing_count) == ("", 0.0, 3)
    async with collection:
        async for reply in collection:
            if reply.end is not None:
                break
        result = collection.result(interrupted=True)
        progress = collection.progress
    assert result.interrupted
    assert not result.complete
    assert not result.succeeded
    assert result.answered >= 1
    assert C in result.missing
    assert (progress.expected, progress.timeout) == (3, LONG)
    assert progress.answered == result.answered
    assert 0 < progress.elapsed < LONG


async def test_is_iterated_once(fleet: Fleet) -> None:
    await fleet.add(A)
    collection = fleet.collection(A)
    await run(collection)
    with pytest.raises(RuntimeError, match="iterated once"):
        aiter(collection)


@pytest.mark.parametrize("ending", ["leave", "cancel"])
async def test_its_queue_goes_with_it_however_it_ends(fleet: Fleet, ending: str) -> None:
    await fleet.add(A)

    async def ask() -> None:
        async with fleet.collection(expected=ALL, timeout=LONG) as collection:
            async for _ in collection:
                if ending == "leave":
                    break
                heard.set()

    heard = asyncio.Event()
    task = asyncio.create_task(ask())
    if ending == "cancel":
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        await task
    assert not [queue for queue in fleet.broker.queues if "requester" in queue.name]
    assert not [each for each in asyncio.all_tasks() if "_conduct" in repr(each)]


async def test_a_lost_connection_ends_it(fleet: Fleet) -> None:
    await fleet.add(A)
    async with fleet.collection(expected=ALL, timeout=LONG) as collection:
        stream = aiter(collection)
        await anext(stream)
        fleet.broker.disconnect()
        with pytest.raises(BrokerUnavailable):
            [reply async for reply in stream]
    assert collection.result(interrupted=True).answered == 1


async def test_a_broker_that_does_not_confirm_ends_it(fleet: Fleet) -> None:
    await fleet.add(A)
    async with fleet.collection(timeout=LONG, deadline=2) as collection:
        fleet.broker.block()
        with pytest.raises(PublishTimeout, match="may still arrive"):
            [reply async for reply in collection]
    fleet.broker.unblock()


@pytest.mark.parametrize(
    "options",
    [
        {"targets": ""},
        {"targets": "x" * 256},
        {"targets": (A, "x" * 256), "batches": Batches(Amount(1))},
        {"where": ("=",)},
        {"batches": Batches(Amount(1))},
        {"limit": Amount(1)},
    ],
)
async def test_what_cannot_be_asked_is_refused_before_it_connects(
    fleet: Fleet, options: dict[str, Any]
) -> None:
    with pytest.raises(MessageError):
        fleet.collection(**options)


async def test_a_limit_asks_only_so_many(fleet: Fleet) -> None:
    await fleet.add(A, B, C)
    result = await run(fleet.collection(expected=ALL, limit=Amount(2), timeout=LONG))
    assert (result.expected, result.answered, result.missing_count) == (2, 2, 0)
    assert result.complete


async def test_batches_are_asked_one_after_the_other(fleet: Fleet) -> None:
    await fleet.add(A, B, C)
    batches = Batches(Amount(2), wait=2)
    at: dict[str, float] = {}
    async with fleet.collection(expected=ALL, batches=batches, timeout=LONG) as collection:
        async for reply in collection:
            at[reply.fqdn] = time.monotonic()
            assert reply.elapsed < 2
    assert list(at)[2] == C
    assert at[C] - max(at[A], at[B]) >= 2
    assert collection.result().complete
    assert collection.result().answered == 3


@pytest.mark.parametrize(
    ("most", "not_asked", "missing"), [(0, (C, D), (A,)), (1, (), (A, D)), (None, (), (A, D))]
)
async def test_batches_stop_when_too_many_are_missing(
    fleet: Fleet, most: int | None, not_asked: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    await fleet.add(A, B, C)
    fleet.deafen(A)
    batches = Batches(Amount(2), max_failures=most)
    expected = Expected(names=frozenset({A, B, C, D}))
    result = await run(fleet.collection(expected=expected, batches=batches, timeout=SHORT))
    assert (result.not_asked, result.missing) == (not_asked, missing)
    assert not result.complete


async def test_batches_stop_when_too_many_fail_each_counted_once(fleet: Fleet) -> None:
    await fleet.add(A, B, C)
    batches = Batches(Amount(1), max_failures=1)
    result = await run(fleet.collection((A, B, C), "fail", batches=batches, timeout=LONG))
    assert result.not_asked == (C,)
    assert len(result.errors) == 2


@pytest.mark.parametrize("expected", [None, ALL])
@pytest.mark.parametrize("is_busy", [False, True])
async def test_a_batch_does_not_wait_for_those_of_the_batch_before(
    fleet: Fleet, expected: Expected | None, is_busy: bool
) -> None:
    """Neither for one that has said nothing, nor for one that has begun and not finished."""
    await fleet.add(A, B, C)
    fleet.deafen(A)
    collection = fleet.collection(
        (A, B, C), expected=expected, batches=Batches(Amount(1)), timeout=2
    )
    async with collection:
        async for reply in collection:
            if is_busy and reply.fqdn == B and reply.end is not None:
                envelope = Envelope(
                    correlation_id=collection.message_id, headers={"baton-instance": "a"}
                )
                body = json.dumps({"type": "info", "fqdn": A, "environment": "production"})
                fleet.say(fleet.reply_key(), body.encode(), envelope)
    result = collection.result()
    assert result.answered == 2
    assert 2 <= result.took < 3.9


async def test_is_not_connected_outside_of_its_context(fleet: Fleet) -> None:
    with pytest.raises(BrokerUnavailable, match="not connected"):
        [reply async for reply in fleet.collection()]


async def test_thousands_are_asked_by_name(fleet: Fleet) -> None:
    names = [f"web{number:05}.example.org" for number in range(2000)]
    await fleet.add(names[0], names[-1])
    expected = Expected(names=frozenset(names))
    result = await run(fleet.collection(tuple(names), expected=expected, timeout=LONG))
    assert (result.answered, len(result.unroutable), result.missing_count) == (2, 1998, 1998)


async def test_a_run_is_kept_when_it_is_asked_for(fleet: Fleet, tmp_path: Path) -> None:
    await fleet.add(A)
    runs = Runs(tmp_path)
    async with fleet.collection(expected=ALL, timeout=SHORT, runs=runs) as collection:
        stream = aiter(collection)
        await anext(stream)
        begun = runs.load()
        [reply async for reply in stream]
    assert begun.result.message_id == collection.message_id
    assert begun.result.interrupted
    ended = runs.load(str(collection.message_id))
    assert (ended.answered, ended.expected) == (frozenset({A}), ALL.names)
    assert ended.result.missing == (B, C)
    assert not ended.result.interrupted
    assert ended.deadline == pytest.approx(ended.result.sent + SHORT, abs=1.5)


async def test_a_run_is_kept_from_the_first_group_that_somebody_listens_on(
    fleet: Fleet, tmp_path: Path
) -> None:
    await fleet.add(B)
    runs = Runs(tmp_path)
    batches = Batches(Amount(1))
    async with fleet.collection((A, B), batches=batches, timeout=LONG, runs=runs) as collection:
        await anext(aiter(collection))
        assert runs.load().result.unroutable == (A,)


async def test_a_run_that_was_left_is_kept_as_interrupted(fleet: Fleet, tmp_path: Path) -> None:
    await fleet.add(A)
    async with fleet.collection(expected=ALL, timeout=LONG, runs=Runs(tmp_path)) as collection:
        async for reply in collection:
            if reply.end is not None:
                break
    run = Runs(tmp_path).load()
    assert run.result.interrupted
    assert run.answered == {A}


async def test_a_slow_reader_is_no_reason_to_miss_anybody(fleet: Fleet) -> None:
    """What arrived before the deadline is yielded, and counts, however late it is read."""
    await fleet.add(A, B, C)
    replies: list[Reply] = []
    async with fleet.collection(expected=ALL, timeout=SHORT) as collection:
        async for reply in collection:
            await asyncio.sleep(0.5)
            replies.append(reply)
    assert len(replies) == 6
    assert collection.result().missing == ()


@pytest.mark.parametrize("targets", ["production", A])
async def test_a_server_that_never_stops_does_not_keep_it_from_ending(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, targets: str
) -> None:
    """However slow its reader is: replies wait all the time."""
    monkeypatch.setattr(collector_module, "_PREFETCH", 10)
    monkeypatch.setattr(collector_module, "_OVERTIME", 20)
    await fleet.add(A)
    collection = fleet.collection(targets, timeout=0.1)
    await say_without_end(fleet, collection)
    assert collection.result().replies > 20
    assert not collection.result().complete


async def say_without_end(fleet: Fleet, collection: Collection) -> None:
    """Read *collection*, while for each reply that is read two more come."""
    body = json.dumps({"type": "pong"}).encode()
    async with asyncio.timeout(LONG), collection:
        async for reply in collection:
            for _ in range(2 if reply.instance == "b" else 20):
                envelope = Envelope(
                    correlation_id=collection.message_id, headers={"baton-instance": "b"}
                )
                fleet.say(fleet.reply_key(), body, envelope)
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("exchange", ["exchange", "exchange_out"])
async def test_batches_end_where_no_service_has_ever_connected(fleet: Fleet, exchange: str) -> None:
    await fleet.add(A)
    fleet.broker.delete_exchange(getattr(fleet.extension, exchange))
    collection = fleet.collection((A, B, C), batches=Batches(Amount(1)), timeout=LONG)
    result = await run(collection)
    assert collection.exchange_missing
    assert (result.unroutable, result.not_asked) == ((A,), (B, C))


async def test_the_account_of_thousands_of_silent_ones_is_made_in_a_moment(fleet: Fleet) -> None:
    names = tuple(f"web{number:05}.example.org" for number in range(10_000))
    collection = fleet.collection(names, expected=Expected(names=frozenset(names)))
    collection._tally.ask(names)
    began = time.process_time()
    result = collection.result()
    assert time.process_time() - began < 1
    assert (result.missing_count, result.silent) == (10_000, ())


async def test_to_count_who_is_missing_does_not_take_longer_after_each_of_thousands_of_batches(
    fleet: Fleet,
) -> None:
    def cost(batches: int) -> float:
        names = tuple(f"web{number:05}.example.org" for number in range(batches))
        collection = fleet.collection(names, batches=Batches(Amount(1), max_failures=2))
        began = time.process_time()
        for number, name in enumerate(names):
            collection._asked = number + 1
            collection._pending.add(name)
            collection._tally.finished.add(name)
            assert not collection._is_too_bad(2)
        return time.process_time() - began

    few, many = (min(cost(batches) for _ in range(3)) for batches in (800, 4000))
    assert many < 15 * few  # and not 25 times as long
