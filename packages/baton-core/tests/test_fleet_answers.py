"""Collections of programs that have no event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from baton import API, Reply
from baton.errors import BrokerUnavailable, InvalidMessage
from baton.fleet import Answers, Expected, Request
from baton.fleet import answers as answers_module
from baton.message import Envelope

if TYPE_CHECKING:
    from conftest import Fleet

GREET = {"type": "greet"}
LONG = 20
"""Seconds that no test waits."""


class GreetAPI(API):
    extension = "baton-greet"


async def in_thread(program: Callable[[], Any]) -> Any:
    """What a program without an event loop does, while the services of a test have theirs."""
    return await asyncio.wait_for(asyncio.to_thread(program), 15)


def is_over() -> bool:
    return not [each for each in threading.enumerate() if each.name == "baton-answers"]


async def test_replies_come_one_by_one_and_then_their_account(fleet: Fleet) -> None:
    await fleet.add("a", "b")

    def program() -> None:
        with GreetAPI(fleet.configuration()) as api:
            expected = Expected(number=2)
            answers = api.collect(GREET, "production", expected=expected, timeout=LONG)
            said = [(reply.fqdn, answers.progress.expected) for reply in answers]
            assert sorted(said) == [("a", 2), ("a", 2), ("b", 2), ("b", 2)]
            assert answers.result.complete
            assert answers.result.answered == answers.progress.answered == 2
            assert is_over()
            with pytest.raises(RuntimeError, match="iterated once"):
                iter(answers)

    await in_thread(program)


@pytest.mark.parametrize("how", ["with", "break", "close"])
async def test_a_loop_that_is_left_early_is_closed(fleet: Fleet, how: str) -> None:
    await fleet.add("a")

    def program() -> None:
        api = GreetAPI(fleet.configuration())
        answers = api.collect(GREET, "production", expected=Expected(number=9), timeout=LONG)
        if how == "with":
            with answers:
                next(iter(answers))
        elif how == "break":
            for _ in answers:
                break
        else:
            replies = iter(answers)
            next(replies)
            answers.close()
            answers.close()
        assert is_over()
        assert answers.result.interrupted
        assert answers.result.answered == 1
        api.close()

    await in_thread(program)
    assert not [queue for queue in fleet.broker.queues if "requester" in queue.name]


async def test_an_error_is_raised_where_it_is_iterated(fleet: Fleet) -> None:
    fleet.broker.stop("connection refused")

    def program() -> None:
        answers = GreetAPI(fleet.configuration()).collect(GREET, "production")
        with pytest.raises(BrokerUnavailable, match="refused"):
            list(answers)
        assert is_over()

    await in_thread(program)


def test_a_wrong_request_is_refused_at_once(fleet: Fleet) -> None:
    with pytest.raises(InvalidMessage, match="The timeout"):
        GreetAPI(fleet.configuration()).collect(GREET, "production", timeout=-1)


def test_what_was_closed_is_not_iterated(fleet: Fleet) -> None:
    answers = GreetAPI(fleet.configuration()).collect(GREET, ["a", "b"])
    assert answers.result.targets == ("a", "b")
    answers.close()
    with pytest.raises(RuntimeError, match="iterated once"):
        iter(answers)


async def test_what_waits_for_its_reader_is_bounded(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers_module, "_WAITING", 10)
    await fleet.add("a")
    request = Request(message={"type": "quiet"}, targets=("production",), timeout=3)
    answers = Answers(fleet.configuration(), fleet.extension, request)
    lengths: list[int] = []

    def program() -> int:
        replies = iter(answers)
        first = next(replies)
        for number in range(500):
            envelope = Envelope(message_id=str(number), correlation_id=first.message.correlation_id)
            fleet.say(fleet.reply_key(), b'{"type":"pong","fqdn":"b"}', envelope)
        lengths.extend(answers._queue.qsize() for _ in replies)
        return len(lengths)

    assert await in_thread(program) == 500
    assert max(lengths) <= 10


async def test_its_twin_is_for_programs_with_an_event_loop(fleet: Fleet) -> None:
    await fleet.add("a")
    with GreetAPI(fleet.configuration()) as api:
        async with api.collection(GREET, "a", timeout=LONG) as collection:
            assert len([reply async for reply in collection]) == 2
    assert collection.result().succeeded


async def test_an_iterator_that_nobody_follows_does_nothing(fleet: Fleet) -> None:
    await fleet.add("a")

    def program() -> None:
        answers = GreetAPI(fleet.configuration()).collect(GREET, "production", timeout=LONG)
        replies = iter(answers)
        assert is_over()
        answers.close()
        assert list(replies) == []
        assert answers.result.answered == 0

    await in_thread(program)


async def test_after_a_fork_nothing_waits_for_a_thread_that_is_not_there(fleet: Fleet) -> None:
    await fleet.add("a")

    def program() -> int:
        answers = GreetAPI(fleet.configuration()).collect(GREET, "production", timeout=LONG)
        with answers:
            replies = iter(answers)
            next(replies)
            if (child := os.fork()) == 0:
                signal.alarm(5)  # ends one that waits
                os._exit(look(answers, replies))
            _, status = os.waitpid(child, 0)
            assert [next(replies).message.type for _ in range(1)] == ["success"]
        return os.waitstatus_to_exitcode(status)

    def look(answers: Answers, replies: Iterator[Reply]) -> int:
        looked = answers.result.replies >= 1 and answers.progress.timeout == LONG
        try:
            next(replies)
        except RuntimeError:
            answers.close()
            return 0 if looked else 2
        return 1

    assert await in_thread(program) == 0
