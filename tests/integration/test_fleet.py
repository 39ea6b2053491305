"""Who answered, and who did not: fleets on a real RabbitMQ."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest

from baton import API, Collection, Reply, Request, Result, Server
from baton.fleet import Amount, Batches, Duplicate, Expected, Runs
from baton_ping.extension import extension
from brokers.vhost import Vhost
from brokers.waiting import wait_until
from integration.running import WEB01, Process, process, running

LONG = 60
"""Seconds that no test waits: what ends earlier did so because it was complete."""


class PingAPI(API):
    extension = "baton-ping"


def collection(vhost: Vhost, *targets: str, **options: Any) -> Collection:
    runs = options.pop("runs", None)
    request = Request(message={"type": "ping"}, targets=targets or ("production",), **options)
    return Collection(vhost.configuration(), extension, request, runs=runs)


async def collect(vhost: Vhost, *targets: str, **options: Any) -> tuple[Result, list[Reply]]:
    async with collection(vhost, *targets, **options) as collecting:
        replies = [reply async for reply in collecting]
    return collecting.result(), replies


def simulate(stack: ExitStack, vhost: Vhost, count: int) -> list[str]:
    """So many servers in a process of their own, ready; their names."""
    fleet = ("run", "ping", "--url", vhost.url, "--simulate", str(count))
    started = process(*fleet, "--environments", "production", program="baton")
    stack.enter_context(started).wait_for("ready since", timeout=45)
    return [f"sim{number:05}.example.org" for number in range(1, count + 1)]


def reply_queues(vhost: Vhost) -> list[str]:
    return [queue["name"] for queue in vhost.queues() if "requester" in queue["name"]]


async def test_three_of_fifty_that_were_killed_are_missing_and_no_others(vhost: Vhost) -> None:
    victims = [f"victim{number}.example.org" for number in range(3)]
    with ExitStack() as stack:
        names = simulate(stack, vhost, 47)
        killed: list[Process] = [
            stack.enter_context(
                process("--url", vhost.url, BATON_FQDN=name, BATON_ENVIRONMENT="production")
            )
            for name in victims
        ]
        for each in killed:
            each.wait_for("ready since")
        expected = Expected(names=frozenset([*names, *victims]))
        before, _ = await collect(vhost, expected=expected, timeout=LONG)
        for each in killed:
            each.signal(signal.SIGKILL)
            each.wait()
        after, _ = await collect(vhost, expected=expected, timeout=5)
    assert before.complete
    assert before.answered == 50
    assert after.missing == tuple(victims)
    assert (after.answered, after.unexpected, after.errors) == (47, (), ())
    assert not after.succeeded


async def test_two_servers_of_one_name_are_a_duplicate(vhost: Vhost) -> None:
    configuration = vhost.configuration()
    async with running(configuration), running(configuration):
        result, _ = await collect(vhost, expected=Expected(names=frozenset({WEB01.fqdn})))
    assert result.duplicates == (Duplicate(WEB01.fqdn, 2),)
    assert result.answered == 1


async def test_neither_of_two_collectors_sees_the_others_replies(vhost: Vhost) -> None:
    configuration = vhost.configuration()
    names = [f"web{number:02}.example.org" for number in range(10)]
    expected = Expected(names=frozenset(names))
    async with AsyncExitStack() as stack:
        for name in names:
            await stack.enter_async_context(running(configuration, Server(name, "production")))
        found = await asyncio.gather(
            *(collect(vhost, expected=expected, timeout=LONG) for _ in range(5))
        )
    ids = set()
    for result, replies in found:
        assert sorted(reply.fqdn for reply in replies) == names
        assert {reply.message.correlation_id for reply in replies} == {result.message_id}
        ids.add(result.message_id)
    assert len(ids) == 5


@pytest.mark.parametrize("how", ["cancelled", "left"])
async def test_the_reply_queue_goes_with_who_does_not_wait(vhost: Vhost, how: str) -> None:
    heard = asyncio.Event()
    collecting = collection(vhost, expected=Expected(number=2), timeout=LONG)

    async def ask() -> None:
        async with collecting:
            async for _ in collecting:
                heard.set()
                if how == "left":
                    break

    async with running(vhost.configuration()):
        task = asyncio.create_task(ask())
        await heard.wait()
        if how == "cancelled":
            assert len(await asyncio.to_thread(reply_queues, vhost)) == 1
            task.cancel()
        await asyncio.wait({task})
        assert await asyncio.to_thread(wait_until, lambda: not reply_queues(vhost), 10)
    result = collecting.result(interrupted=True)
    assert (result.answered, result.missing_count, result.interrupted) == (1, 1, True)


async def test_batches_of_servers_that_are_named(vhost: Vhost, tmp_path: Path) -> None:
    """One message id, however many groups; those of which nobody listens are not waited for."""
    configuration = vhost.configuration()
    names = [f"web{number:02}.example.org" for number in range(5)]
    runs = Runs(tmp_path)
    options = {
        "expected": Expected(names=frozenset([*names, "away.example.org"])),
        "batches": Batches(Amount(2), max_failures=1),
        "timeout": LONG,
        "runs": runs,
    }
    async with AsyncExitStack() as stack:
        for name in names:
            await stack.enter_async_context(running(configuration, Server(name, "production")))
        result, replies = await collect(vhost, **options)
    assert replies[0].fqdn == names[0]
    assert {reply.fqdn for reply in replies} == set(names)
    assert {reply.message.correlation_id for reply in replies} == {result.message_id}
    assert (result.missing, result.unroutable, result.not_asked) == (
        ("away.example.org",),
        ("away.example.org",),
        (),
    )
    assert runs.load().result.message_id == result.message_id


async def test_from_a_program_without_an_event_loop(vhost: Vhost) -> None:
    def program() -> tuple[list[str], Result]:
        with PingAPI(vhost.configuration()) as api:
            expected = Expected(names=frozenset({WEB01.fqdn}))
            answers = api.collect({"type": "ping"}, "production", expected=expected, timeout=LONG)
            return [reply.fqdn for reply in answers], answers.result

    async with running(vhost.configuration()):
        names, result = await asyncio.to_thread(program)
    assert names == [WEB01.fqdn]
    assert result.complete
    assert await asyncio.to_thread(wait_until, lambda: not reply_queues(vhost), 10)


async def test_no_service_has_ever_connected(vhost: Vhost) -> None:
    collecting = collection(vhost, "production", "staging", timeout=LONG)
    async with collecting:
        assert [reply async for reply in collecting] == []
    assert collecting.result().unroutable == ("production", "staging")
    assert collecting.exchange_missing
