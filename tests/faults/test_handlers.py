"""What handlers do to their service: whatever it is, the next command is answered."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from baton import Collector
from baton.errors import Unroutable
from brokers import Vhost
from faults.afflicted import RAISED, extension
from faults.patient import patient

BOTH = pytest.mark.parametrize("to", ["async", "plain"])


UNCALLED_FOR = {
    "exit": "SystemExit",
    "recurse": "RecursionError",
    "unserialisable": "TypeError",
    "circle": "ValueError",
}
"""What else handlers do, and the error that it is."""


@pytest.mark.quick
@BOTH
async def test_whatever_is_raised_is_an_error_output(vhost: Vhost, to: str) -> None:
    wanted = {what: type(make()).__name__ for what, make in RAISED.items()}
    if to == "async":
        wanted["stop"] = "RuntimeError"  # as Python has it for a coroutine
    with patient(vhost) as service:
        got = {}
        for what in RAISED:
            answer = await service.tell("raise", to=to, what=what)
            got[what] = answer.last["error_class"] if answer.outputs else "nothing"
            assert answer.outcome == "failed"
            assert len(answer.last["error_message"]) <= 1000
        assert got == wanted
        for deed, error in UNCALLED_FOR.items():
            answer = await service.tell(deed, to=to)
            assert (deed, answer.outcome, answer.last["error_class"]) == (deed, "failed", error)
        assert (await service.tell("ok", to=to)).outcome == "done"
        assert service.health()[0] == 200
        assert service.log("Traceback") == 0
        assert service.log("Logging error") == 0


@pytest.mark.quick
async def test_a_task_that_notifies_after_the_end(vhost: Vhost) -> None:
    with patient(vhost) as service:
        async with Collector(vhost.configuration(), extension) as collector:
            await collector.send({"type": "late"}, [f"async.{service.fqdn}"])
            said: list[str] = []
            ends = 0
            async for reply in collector.replies(5):
                ends += reply.end is not None
                said.append(str(reply.message.get("message")))
                if "late" in said:
                    break
            assert (said, ends) == (["done", "late"], 1)
            assert reply.message.correlation_id == collector.message_id
        await service.answers()


async def test_who_cancels_its_own_task_is_served_on(vhost: Vhost) -> None:
    with patient(vhost) as service:
        assert (await service.tell("cancel")).last["error_class"] == "CancelledError"
        assert await service.answers() < 10


async def test_who_cancels_every_task_ends_the_process(vhost: Vhost) -> None:
    """It does not stay as one that is neither here nor there."""
    with patient(vhost) as service:
        await service.tell("cancel-all", timeout=1)
        assert service.process.wait() == 1
        assert "Something cancelled the main task" in service.process.lines[-1]


async def test_who_stops_the_event_loop_ends_the_process(vhost: Vhost) -> None:
    """It does not stay as one that is neither here nor there."""
    with patient(vhost) as service:
        await service.tell("stop-loop", timeout=1)
        assert service.process.wait() not in (0, None)
        assert service.process.lines[-1]


@BOTH
async def test_a_process_that_is_gone_is_missing(vhost: Vhost, to: str) -> None:
    with patient(vhost) as service:
        answer = await service.tell("die", to=to, timeout=2)
        assert (answer.outputs, answer.outcome) == ([], "")
        assert service.process.wait() == 3
        with pytest.raises(Unroutable):
            await service.tell("ok")


async def test_a_flood_on_the_loop_is_an_error(vhost: Vhost) -> None:
    with patient(vhost, OUTBOX_MESSAGES=1000) as service:
        answer = await service.tell("flood", outputs=100_000, timeout=40)
        assert answer.outcome == "failed"
        assert answer.last["error_class"] == "OutboxFull"
        numbers = [output["number"] for output in answer.outputs[:-1]]
        assert numbers == list(range(1000))
        await service.answers()


@pytest.mark.timeout(600)
async def test_a_flood_from_a_thread_waits_for_room(vhost: Vhost) -> None:
    count = 100_000
    with patient(vhost, wait=False, OUTBOX_MESSAGES=1000, LOG_FILE="/dev/null") as service:
        await service.answers(20)
        answer = await service.tell("flood", to="plain", outputs=count, timeout=500)
        assert answer.outcome == "done"
        assert [output.get("number") for output in answer.outputs[:-1]] == list(range(count))


async def test_a_loop_that_is_held_up_answers_again(vhost: Vhost) -> None:
    """For longer than the broker waits for heartbeats: it closes the connections."""
    with patient(vhost, RABBIT_HEARTBEAT=1) as service:
        async with asyncio.TaskGroup() as group:
            group.create_task(service.tell("sleep", seconds=6, timeout=1))
            await service.begun()
            with pytest.raises(OSError, match="timed out"):
                await asyncio.to_thread(service.health, timeout=1)
        assert await service.answers(15) < 15
        await service.becomes_ready()


async def test_a_thread_that_is_held_up_holds_up_nothing_else(vhost: Vhost) -> None:
    with patient(vhost, RABBIT_HEARTBEAT=1, GRACE=0.5) as service:
        async with asyncio.TaskGroup() as group:
            group.create_task(service.tell("sleep", to="plain", seconds=600, timeout=1))
            await service.begun()
        deadline = time.monotonic() + 5  # five heartbeats
        while time.monotonic() < deadline:
            assert (await service.tell("ok")).outcome == "done"
            assert service.health()[0] == 200
        assert service.log("is ready") == 1
        service.signal(signal.SIGTERM)
        assert service.process.wait() == 1
        assert service.log("abandoned: 1 of the commands") == 1


async def test_ten_thousand_tasks_that_nobody_ends(vhost: Vhost) -> None:
    with patient(vhost) as service:
        assert (await service.tell("leak-tasks", tasks=10_000)).outcome == "done"
        assert await service.answers() < 10
        service.signal(signal.SIGTERM)
        assert service.process.wait() == 0
