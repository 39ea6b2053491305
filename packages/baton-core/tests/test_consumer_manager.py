from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from baton.consumer import Consumer
from baton.consumer_manager import ConsumerManager
from baton.errors import InvalidFilter, InvalidMessage, Reject, UnknownMessageType
from baton.message import END_HEADER, SPLAY_HEADER, Envelope, Message
from baton.outbox import Outbox
from baton.running import REMEMBERED, Limits, Origin
from baton.server import Server
from baton.time_limit import TimeLimit
from baton.transports import Delivery, Publication

SERVER = Server("camac.example.org", "production", ("shop",))


class Scripted(Consumer):
    """Does with each message what the test says."""

    def __init__(self, script: Callable[[Scripted, Message], Awaitable[None]]) -> None:
        super().__init__("camac", SERVER)
        self.script = script

    @property
    def attributes(self) -> dict[str, Any]:
        return {"fqdn": self.server.fqdn}

    async def process_message(self, message: Message) -> None:
        await self.script(self, message)


class Blocking(Consumer):
    """The same, in a thread."""

    def __init__(self, script: Callable[[Blocking, Message], None]) -> None:
        super().__init__("camac", SERVER)
        self.script = script

    def process_message(self, message: Message) -> None:
        self.script(self, message)


class Bench:
    """A manager with everything around it that the loop's side of a channel would be."""

    def __init__(self, consumer: Consumer, outbox: Outbox | None = None) -> None:
        self.outbox = Outbox(1000, 10_000_000) if outbox is None else outbox
        self.published: list[Publication] = []
        self.acknowledged: list[Delivery] = []
        self.rejected: list[Delivery] = []
        self.unbound: list[str] = []
        self.changed = asyncio.Event()
        self.confirming = True
        self._tag = 0
        self._scheduled = False
        self.manager = ConsumerManager(
            consumer,
            "queue",
            Origin("out", "baton-test", "guest", instance="me"),
            self.outbox,
            limits=Limits(timeout=5),
            outlet=self,
            source=self,
        )
        self.outbox.on_open(self.manager.wake)
        self.manager.start()

    def delivery(self, body: object, **values: Any) -> Delivery:
        self._tag += 1
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        envelope = values.pop("envelope", Envelope(message_id=f"m{self._tag}"))
        return Delivery(
            "queue",
            self._tag,
            self,
            values.pop("key", "production"),
            raw,
            envelope,
            values.pop("redelivered", False),
            values.pop("received", time.monotonic()),
        )

    async def process(self, *deliveries: Delivery) -> None:
        self.manager.delivered(deliveries)
        await asyncio.wait_for(self.manager.drain(), 5)

    async def process_while_held(self, delivery: Delivery) -> None:
        """Process *delivery*, while others wait for their splay."""
        self.manager.delivered([delivery])
        await self.until(lambda: delivery in self.acknowledged)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def flush_soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._send)

    def flush(self) -> None:
        """There are other consumers, so to say."""

    def _send(self) -> None:
        self._scheduled = False
        taken = self.outbox.take()
        self.published += taken
        self.changed.set()
        if self.confirming:
            self.outbox.confirm([publication.number for publication in taken])

    def acknowledge(self, delivery: Delivery) -> None:
        self.acknowledged.append(delivery)
        self.changed.set()

    def reject(self, delivery: Delivery) -> None:
        self.rejected.append(delivery)
        self.changed.set()

    def unbind(self, delivery: Delivery) -> None:
        self.unbound.append(delivery.routing_key)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(publication.body) for publication in self.published]


@pytest.fixture
async def bench() -> AsyncIterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(consumer: Consumer, outbox: Outbox | None = None) -> Bench:
        made.append(Bench(consumer, outbox))
        return made[-1]

    yield make
    for each in made:
        each.outbox.close()
        each.manager.stop()


MakeBench = Callable[..., Bench]


async def answer(consumer: Scripted, message: Message) -> None:
    consumer.notify({"type": "answer", "to": message["type"]})


async def nothing(consumer: Scripted, message: Message) -> None:
    return None


def have_the_first_audit_fail(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of our own, once: no memory is left for the record of a command."""
    audit, troubles = bench.manager._audit, [MemoryError("no memory")]

    def failing(*arguments: Any) -> None:
        if troubles:
            raise troubles.pop()
        audit(*arguments)

    monkeypatch.setattr(bench.manager, "_audit", failing)


def requested(message_id: str = "m", **values: Any) -> Envelope:
    return Envelope(message_id=message_id, reply_to="reply-key", **values)


async def test_forwards_payloads_and_publishes_what_is_notified(bench: MakeBench) -> None:
    b = bench(Scripted(answer))
    delivery = b.delivery({"type": "ping"})
    await b.process(delivery)
    assert b.bodies == [{"fqdn": "camac.example.org", "type": "answer", "to": "ping"}]
    assert b.acknowledged == [delivery]
    publication = b.published[0]
    assert (publication.exchange, publication.routing_key) == ("out", "")
    envelope = publication.envelope
    assert envelope.correlation_id == "m1"
    assert envelope.persistent
    assert (envelope.app_id, envelope.user_id) == ("baton-test", "guest")
    assert envelope.message_id


async def test_outputs_are_logged_errors_at_error_and_infos_at_info(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        consumer.notify_info("an info message")
        consumer.notify_error("Oops", "an error message")

    caplog.set_level(logging.INFO, "baton.consumer_manager")
    b = bench(Scripted(script))
    await b.process(b.delivery({"type": "x"}))
    outputs = [record for record in caplog.records if record.name == "baton.consumer_manager"]
    levels = {record.levelname: record.getMessage() for record in outputs}
    assert "an info message" in levels["INFO"]
    assert "an error message" in levels["ERROR"]
    assert [body["type"] for body in b.bodies] == ["info", "error"]


async def test_an_output_that_is_refused_is_not_logged_as_if_it_were_said(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        consumer.notify({"type": "x", "what": object()})

    caplog.set_level(logging.INFO, "baton.consumer_manager")
    b = bench(Scripted(script))
    await b.process(b.delivery({"type": "x"}))
    outputs = [
        vars(each)["baton_output"] for each in caplog.records if "baton_output" in vars(each)
    ]
    assert [output["type"] for output in outputs] == ["error"] == [b["type"] for b in b.bodies]


async def test_commands_are_processed_in_order(bench: MakeBench) -> None:
    order: list[int] = []

    async def script(consumer: Scripted, message: Message) -> None:
        order.append(message["n"])
        await asyncio.sleep(0)
        order.append(message["n"])

    b = bench(Scripted(script))
    await b.process(*[b.delivery({"type": "x", "n": n}) for n in range(10)])
    assert order == [n for n in range(10) for _ in range(2)]


async def test_concurrency_is_what_a_consumer_asks_for(bench: MakeBench) -> None:
    gate = asyncio.Event()
    inside: list[str] = []

    async def script(consumer: Scripted, message: Message) -> None:
        inside.append(message.type)
        b.changed.set()
        await gate.wait()

    consumer = Scripted(script)
    consumer.concurrency = 2
    b = bench(consumer)
    b.manager.delivered([b.delivery({"type": kind}) for kind in "abc"])
    await b.until(lambda: len(inside) == 2)
    gate.set()
    await asyncio.wait_for(b.manager.drain(), 5)
    assert inside == ["a", "b", "c"]


@pytest.mark.parametrize(
    "body",
    [b"{not json", b"", b"null", b"[]", b'{"type": 1}', b"\xff", b'{"a": 1}', b"[" * 100_000],
)
async def test_a_wrong_body_is_one_error_and_the_next_is_served(
    bench: MakeBench, body: bytes
) -> None:
    b = bench(Scripted(answer))
    await b.process(b.delivery(body), b.delivery({"type": "ping"}))
    assert [each["type"] for each in b.bodies] == ["error", "answer"]
    assert b.bodies[0]["error_class"] == "InvalidMessage"
    assert len(b.bodies[0]["error_message"]) < 600
    assert len(b.acknowledged) == 2


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad"),
        SystemExit(3),
        RecursionError("deep"),
        asyncio.CancelledError(),
        UnknownMessageType("foo"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_a_handler_raises_is_an_error_output(
    bench: MakeBench, error: BaseException
) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        if message.type == "bad":
            raise error
        consumer.notify_success("fine")

    b = bench(Scripted(script))
    await b.process(b.delivery({"type": "bad"}), b.delivery({"type": "good"}))
    assert [each["type"] for each in b.bodies] == ["error", "success"]
    assert b.bodies[0]["error_class"] == type(error).__name__
    assert len(b.acknowledged) == 2


async def test_a_handler_that_cancels_itself_is_an_error(bench: MakeBench) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        if message.type == "bad":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)
        consumer.notify_success("fine")

    b = bench(Scripted(script))
    await b.process(b.delivery({"type": "bad"}), b.delivery({"type": "good"}))
    assert [each["type"] for each in b.bodies] == ["error", "success"]
    assert b.bodies[0]["error_class"] == "CancelledError"


async def test_what_is_not_json_is_the_handlers_error(bench: MakeBench) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        consumer.notify({"type": "x", "value": object()})

    b = bench(Scripted(script))
    await b.process(b.delivery({"type": "x"}))
    assert b.bodies[0]["error_class"] == "TypeError"


async def test_a_long_error_text_is_cut(bench: MakeBench) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        raise ValueError("x" * 1_000_000)

    b = bench(Scripted(script))
    await b.process(b.delivery({"type": "x"}))
    assert len(b.bodies[0]["error_message"]) == 1000


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


async def test_an_exception_that_cannot_be_shown_is_an_error_output(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        raise Unspeakable

    b = bench(Scripted(script))
    await b.process(b.delivery({"type": "x"}))
    assert b.bodies[0]["error_class"] == "Unspeakable"
    assert b.bodies[0]["error_message"] == "(its text cannot be shown: RuntimeError)"
    assert "could not be published" not in caplog.text


async def test_attributes_that_raise_do_not_wound_the_service(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Durable):
        @property
        def attributes(self) -> dict[str, Any]:
            raise ValueError("no attributes")

    b = bench(Broken(answer))
    await b.process(b.delivery({"type": "x"}, envelope=requested()))
    assert len(b.acknowledged) == 1
    assert "could not be published" in caplog.text
    assert b.published[0].envelope.headers["baton-end"]["outcome"] == "failed"


async def test_attributes_that_are_not_json_do_not_wound_the_service(bench: MakeBench) -> None:
    class Odd(Scripted):
        @property
        def attributes(self) -> dict[str, Any]:
            return {"odd": object()}

    b = bench(Odd(answer))
    await b.process(b.delivery({"type": "x"}, envelope=requested()), b.delivery({"type": "y"}))
    assert len(b.acknowledged) == 2
    assert b.bodies == [{**SERVER.attributes, "type": "end"}]


async def test_a_handler_that_takes_too_long_is_cancelled(bench: MakeBench) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        await asyncio.Event().wait()

    b = bench(Scripted(script))
    b.manager._limits = Limits(timeout=0.01)
    await b.process(b.delivery({"type": "slow"}))
    assert b.bodies[0]["error_class"] == "HandlerTimeout"
    assert "slow took more than 0.01 s" in b.bodies[0]["error_message"]


async def test_a_handlers_own_timeout_is_its_own(bench: MakeBench) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        raise TimeoutError("of mine")

    b = bench(Scripted(script))
    await b.process(b.delivery({"type": "slow"}))
    assert b.bodies[0]["error_message"] == "of mine"


async def test_is_acknowledged_only_when_all_outputs_are_confirmed(bench: MakeBench) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        consumer.notify_info("1")
        consumer.notify_info("2")

    b = bench(Scripted(script))
    b.confirming = False
    b.manager.delivered([b.delivery({"type": "x"})])
    await b.until(lambda: len(b.published) == 2)
    b.outbox.confirm([2])
    assert not b.acknowledged
    assert b.manager.abandoned == 1
    b.outbox.confirm([1])
    assert len(b.acknowledged) == 1
    assert b.manager.abandoned == 0


async def test_waiting_for_a_confirm_does_not_hold_up_the_next(bench: MakeBench) -> None:
    b = bench(Scripted(answer))
    b.confirming = False
    b.manager.delivered([b.delivery({"type": "x"}), b.delivery({"type": "y"})])
    await b.until(lambda: len(b.published) == 2)
    assert not b.acknowledged


async def test_the_end_rides_on_the_last_output(bench: MakeBench) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        consumer.notify_info("1")
        consumer.notify_info("2")

    b = bench(Scripted(script))
    await b.process(b.delivery({"type": "x"}, envelope=requested()))
    first, second = (publication.envelope.headers for publication in b.published)
    assert first["baton-version"] == second["baton-version"] == 1
    assert first["baton-instance"] == second["baton-instance"] == "me"
    assert (first["baton-seq"], second["baton-seq"]) == (0, 1)
    assert first["BCC"] == second["BCC"] == ["reply-key"]
    assert "baton-end" not in first
    end = second["baton-end"]
    assert (end["outcome"], end["outputs"]) == ("done", 2)
    assert 0 <= end["duration"] < 5_000_000


async def test_progress_is_published_at_once_and_the_end_goes_to_the_requester_alone(
    bench: MakeBench,
) -> None:
    gate = asyncio.Event()

    async def script(consumer: Scripted, message: Message) -> None:
        consumer.notify_info("half way")
        await gate.wait()

    b = bench(Scripted(script))
    b.manager.delivered([b.delivery({"type": "x"}, envelope=requested())])
    await b.until(lambda: b.published)
    gate.set()
    await asyncio.wait_for(b.manager.drain(), 5)
    progress, end = b.published
    assert progress.routing_key == ""
    assert "baton-end" not in progress.envelope.headers
    assert end.routing_key == "reply-key"
    assert "BCC" not in end.envelope.headers
    assert end.envelope.headers["baton-end"]["outputs"] == 1
    assert end.envelope.headers["baton-seq"] == 1
    assert json.loads(end.body) == {"fqdn": "camac.example.org", "type": "end"}


async def test_a_silent_command_still_has_an_end(bench: MakeBench) -> None:
    b = bench(Scripted(nothing))
    await b.process(b.delivery({"type": "x"}, envelope=requested()))
    assert [p.routing_key for p in b.published] == ["reply-key"]


@pytest.mark.parametrize("key", [None, "", "a b", "x" * 65, "*#", "ä"])
async def test_a_reply_key_that_is_none_is_not_used(bench: MakeBench, key: str | None) -> None:
    b = bench(Scripted(answer))
    await b.process(b.delivery({"type": "x"}, envelope=Envelope("m", reply_to=key)))
    assert len(b.published) == 1
    assert "BCC" not in b.published[0].envelope.headers


async def test_a_message_id_runs_once(bench: MakeBench) -> None:
    b = bench(Scripted(answer))
    same = Envelope("same")
    await b.process(
        b.delivery({"type": "x"}, envelope=same),
        b.delivery({"type": "x"}, envelope=same, key="shop.production"),
        b.delivery({"type": "x"}, envelope=same, redelivered=True),
    )
    assert len(b.published) == 1
    assert len(b.acknowledged) == 3


async def test_message_ids_are_remembered_within_bounds(bench: MakeBench) -> None:
    b = bench(Scripted(nothing))
    await b.process(
        *[b.delivery({"type": "x"}, envelope=Envelope(f"id{n}")) for n in range(REMEMBERED + 10)]
    )
    assert len(b.manager._remembered) == REMEMBERED


async def test_without_ids_equal_messages_run_each_time(bench: MakeBench) -> None:
    b = bench(Scripted(answer))
    await b.process(*[b.delivery({"type": "ping"}, envelope=Envelope()) for _ in range(2)])
    assert len(b.published) == 2


async def test_without_ids_what_was_interrupted_does_not_run_again(bench: MakeBench) -> None:
    b = bench(Scripted(answer))
    b.confirming = False
    without = Envelope()
    b.manager.delivered([b.delivery({"type": "ping"}, envelope=without)])
    await b.until(lambda: b.published)
    b.manager.channel_lost()
    b.confirming = True
    b.outbox.confirm([1])
    await b.process(
        b.delivery({"type": "ping"}, envelope=without, redelivered=True),
        b.delivery({"type": "ping"}, envelope=without, redelivered=True),
    )
    assert len(b.published) == 2


async def test_a_lost_channel_forgets_what_was_not_started(bench: MakeBench) -> None:
    gate = asyncio.Event()
    started: list[str] = []

    async def script(consumer: Scripted, message: Message) -> None:
        started.append(message.type)
        b.changed.set()
        await gate.wait()

    b = bench(Scripted(script))
    b.manager.delivered([b.delivery({"type": "first"}), b.delivery({"type": "second"})])
    await b.until(lambda: started)
    b.manager.channel_lost()
    gate.set()
    await asyncio.wait_for(b.manager.drain(), 5)
    assert started == ["first"]
    await b.process(b.delivery({"type": "second"}, redelivered=True, envelope=Envelope("m2")))
    assert started == ["first", "second"]


@pytest.mark.parametrize("kind", ["async", "blocking"])
async def test_what_waited_too_long_here_is_dropped_and_the_requester_told(
    bench: MakeBench, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[str] = []

    def block(consumer: Blocking, message: Message) -> None:
        ran.append(message.type)

    async def run(consumer: Scripted, message: Message) -> None:
        ran.append(message.type)

    b = bench(Scripted(run) if kind == "async" else Blocking(block))
    late = b.delivery(
        {"type": "late"}, envelope=requested(expires=1.0), received=time.monotonic() - 1.5
    )
    await b.process(late, b.delivery({"type": "x"}, envelope=Envelope("n", expires=1.0)))
    assert ran == ["x"]
    assert b.published[0].envelope.headers["baton-end"]["outcome"] == "expired"
    assert late in b.acknowledged
    assert "expired" in caplog.text


async def test_notified_outside_of_a_command_is_published_without_correlation(
    bench: MakeBench,
) -> None:
    consumer = Scripted(answer)
    b = bench(consumer)
    consumer.notify_info("by myself")
    await b.until(lambda: b.published)
    envelope = b.published[0].envelope
    assert envelope.correlation_id is None
    assert "baton-seq" not in envelope.headers


async def test_above_the_mark_no_command_is_started(bench: MakeBench) -> None:
    b = bench(Scripted(answer), Outbox(4, 1_000_000))
    b.confirming = False
    b.manager.delivered([b.delivery({"type": "x"}) for _ in range(5)])
    await b.until(lambda: len(b.published) == 2)
    await asyncio.sleep(0)
    assert len(b.published) == 2
    b.confirming = True
    b.outbox.confirm([1, 2])
    await asyncio.wait_for(b.manager.drain(), 5)
    assert len(b.published) == 5


async def test_on_the_loop_an_overfull_outbox_is_the_handlers_error(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    caught: list[Exception] = []

    async def script(consumer: Scripted, message: Message) -> None:
        try:
            for number in range(10):
                consumer.notify_info(str(number))
        except Exception as error:
            caught.append(error)
            raise

    b = bench(Scripted(script), Outbox(4, 1_000_000))
    await b.process(b.delivery({"type": "x"}, envelope=requested()))
    assert type(caught[0]).__name__ == "OutboxFull"
    assert [body["message"] for body in b.bodies[:4]] == ["0", "1", "2", "3"]
    # Whoever asked is told, though there is no room.
    assert [body["type"] for body in b.bodies[4:]] == ["error"]
    assert b.bodies[4]["error_class"] == "OutboxFull"
    assert b.bodies[4]["fqdn"] == SERVER.fqdn
    assert b.published[4].envelope.headers["baton-end"]["outputs"] == 5


class TestPlainHandlers:
    async def test_runs_in_a_thread_in_order(self, bench: MakeBench) -> None:
        threads: list[tuple[int, int]] = []

        def script(consumer: Blocking, message: Message) -> None:
            threads.append((message["n"], threading.get_ident()))
            consumer.notify_info(str(message["n"]))

        b = bench(Blocking(script))
        await b.process(*[b.delivery({"type": "x", "n": n}) for n in range(100)])
        assert [n for n, _ in threads] == list(range(100))
        assert len({thread for _, thread in threads} - {threading.get_ident()}) == 1
        assert [body["message"] for body in b.bodies] == [str(n) for n in range(100)]
        assert [p.envelope.correlation_id for p in b.published] == [f"m{n + 1}" for n in range(100)]

    async def test_the_end_rides_on_the_last_output(self, bench: MakeBench) -> None:
        def script(consumer: Blocking, message: Message) -> None:
            consumer.notify_info("done")

        b = bench(Blocking(script))
        await b.process(b.delivery({"type": "x"}, envelope=requested()))
        ends = [p for p in b.published if "baton-end" in p.envelope.headers]
        assert len(ends) == 1

    async def test_blocks_without_blocking_the_loop(self, bench: MakeBench) -> None:
        gate = threading.Event()

        def script(consumer: Blocking, message: Message) -> None:
            consumer.notify_info("begun")
            assert gate.wait(5)
            consumer.notify_success("done")

        b = bench(Blocking(script))
        b.manager.delivered([b.delivery({"type": "x"})])
        await b.until(lambda: b.published)
        assert not b.acknowledged
        gate.set()
        await asyncio.wait_for(b.manager.drain(), 5)
        assert [body["type"] for body in b.bodies] == ["info", "success"]

    async def test_exceptions_and_exits_are_errors(self, bench: MakeBench) -> None:
        def script(consumer: Blocking, message: Message) -> None:
            if message.type == "exit":
                raise SystemExit(1)
            raise ValueError("bad")

        b = bench(Blocking(script))
        await b.process(b.delivery({"type": "exit"}), b.delivery({"type": "bad"}))
        assert [body["error_class"] for body in b.bodies] == ["SystemExit", "ValueError"]

    async def test_an_awaitable_returned_by_a_plain_def_is_an_error(self, bench: MakeBench) -> None:
        class Confused(Consumer):
            def process_message(self, message: Message) -> Awaitable[None]:
                return self._later()

            async def _later(self) -> None: ...

        b = bench(Confused("c", SERVER))
        await b.process(b.delivery({"type": "x"}))
        assert "async def" in b.bodies[0]["error_message"]

    async def test_many_that_expire_behind_a_slow_one_do_not_stall_the_rest(
        self, bench: MakeBench
    ) -> None:
        gate = threading.Event()
        ran: list[str] = []

        def script(consumer: Blocking, message: Message) -> None:
            ran.append(message.type)
            if message.type == "slow":
                assert gate.wait(5)

        b = bench(Blocking(script))
        late = [
            b.delivery({"type": "late"}, envelope=Envelope(f"late{n}", expires=0.05))
            for n in range(100)
        ]
        slow, last = b.delivery({"type": "slow"}), b.delivery({"type": "last"})
        b.manager.delivered([slow, *late, last])
        await asyncio.sleep(0.1)  # they expire meanwhile
        gate.set()
        await asyncio.wait_for(b.manager.drain(), 5)
        assert ran == ["slow", "last"]

    async def test_notify_waits_for_room(self, bench: MakeBench) -> None:
        def script(consumer: Blocking, message: Message) -> None:
            for number in range(20):
                consumer.notify_info(str(number))

        b = bench(Blocking(script), Outbox(4, 1_000_000))
        await b.process(b.delivery({"type": "x"}))
        assert len(b.published) == 20


async def test_an_async_handler_may_notify_from_a_thread(bench: MakeBench) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        await asyncio.to_thread(consumer.notify_info, "from a thread")

    b = bench(Scripted(script))
    await b.process(b.delivery({"type": "x"}))
    assert b.bodies[0]["message"] == "from a thread"
    assert b.published[0].envelope.correlation_id == "m1"


async def test_stopping_cancels_what_runs_and_counts_it(bench: MakeBench) -> None:
    ended: list[str] = []

    async def script(consumer: Scripted, message: Message) -> None:
        b.changed.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(message.type)
            b.changed.set()
            raise

    b = bench(Scripted(script))
    b.manager.delivered([b.delivery({"type": "a"}), b.delivery({"type": "b"})])
    await b.until(lambda: b.manager.abandoned == 2)
    await asyncio.sleep(0)
    b.manager.stop()
    await b.until(lambda: ended)
    assert b.manager.abandoned == 2
    assert not b.acknowledged


async def test_handlers_that_never_wait_leave_turns_to_the_loop(bench: MakeBench) -> None:
    turns: list[int] = []

    async def script(consumer: Scripted, message: Message) -> None:
        end = time.monotonic() + 0.006
        while time.monotonic() < end:
            pass
        consumer.notify_info("x")

    b = bench(Scripted(script))
    b.manager.delivered([b.delivery({"type": "x"}) for _ in range(5)])
    while len(b.published) < 5:
        turns.append(len(b.published))
        await asyncio.sleep(0)
    assert 1 in turns


async def test_a_thread_goes_on_whatever_an_extension_overrides(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []
    consumer = Blocking(lambda _, message: done.append(message["n"]))
    desk = bench(consumer)
    decode = consumer.handle_message_blocking

    def odd(delivery: Delivery) -> Any:
        if b"odd" in delivery.body:
            raise SystemExit("odd")
        return decode(delivery)

    monkeypatch.setattr(consumer, "handle_message_blocking", odd)
    desk.manager.delivered([desk.delivery({"type": "x", "n": n}) for n in ("odd", "even")])
    await desk.until(lambda: len(desk.acknowledged) == 2)
    assert done == ["even"]
    assert [body["error_class"] for body in desk.bodies] == ["SystemExit"]
    assert "SystemExit: odd" in caplog.text


async def test_so_does_the_loop(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    consumer = Scripted(answer)
    desk = bench(consumer)
    handle = consumer.handle_message

    async def odd(delivery: Delivery, limit: TimeLimit) -> Any:
        if b"odd" in delivery.body:
            raise SystemExit("odd")
        return await handle(delivery, limit)

    monkeypatch.setattr(consumer, "handle_message", odd)
    await desk.process(*(desk.delivery({"type": "x", "n": n}) for n in ("odd", "even")))
    assert [body["type"] for body in desk.bodies] == ["error", "answer"]
    assert desk.bodies[0]["error_class"] == "SystemExit"
    assert "SystemExit: odd" in caplog.text


@pytest.mark.parametrize("kind", [Scripted, Blocking])
async def test_who_cancels_every_task_does_not_deafen_it(
    bench: MakeBench, kind: type[Scripted | Blocking]
) -> None:
    consumer = Scripted(answer) if kind is Scripted else Blocking(lambda c, _: c.notify_info("a"))
    desk = bench(consumer)
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await desk.process(desk.delivery({"type": "x"}))
    assert len(desk.bodies) == 1


async def test_a_fault_of_our_own_costs_one_command(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk = bench(Scripted(answer))
    have_the_first_audit_fail(desk, monkeypatch)
    await desk.process(desk.delivery({"type": "x"}), desk.delivery({"type": "y"}))
    assert len(desk.acknowledged) == 2
    assert len(desk.bodies) == 2
    assert "MemoryError('no memory')" in caplog.text


WEB = Server("camac.example.org", "production", ("shop",), {"cpus": 8})


def commanded(message_id: str = "m", **headers: Any) -> Envelope:
    return Envelope(
        message_id, reply_to="reply-key", headers={f"baton-{k}": v for k, v in headers.items()}
    )


def outcomes(bench: Bench) -> list[str]:
    """What each end said."""
    ends = [publication.envelope.headers.get("baton-end") for publication in bench.published]
    return [end["outcome"] for end in ends if end is not None]


async def test_the_end_says_which_server_it_is_of(bench: MakeBench) -> None:
    class Nameless(Scripted):
        @property
        def attributes(self) -> dict[str, Any]:
            return {}

    b = bench(Nameless(answer))
    await b.process(b.delivery({"type": "x"}, envelope=requested()))
    assert b.published[0].envelope.headers["baton-end"]["fqdn"] == "camac.example.org"


class TestFilters:
    @pytest.fixture
    async def b(self, bench: MakeBench) -> Bench:
        consumer = Scripted(answer)
        consumer.server = WEB
        return bench(consumer)

    async def test_a_server_that_is_meant_answers(self, b: Bench) -> None:
        where = ["cpus>=8", "apps contains shop", "fqdn=camac*"]
        await b.process(b.delivery({"type": "x"}, envelope=commanded(where=where)))
        assert [body["type"] for body in b.bodies] == ["answer"]

    @pytest.mark.parametrize("envelope", [{}, {"expires": 0.001}])
    async def test_one_that_is_not_says_nothing_at_all(
        self, b: Bench, envelope: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        other = Envelope("m", reply_to="reply-key", headers={"baton-where": ["cpus>8"]}, **envelope)
        delivery = b.delivery({"type": "x"}, envelope=other, received=time.monotonic() - 1)
        await b.process(delivery)
        assert (b.published, b.acknowledged) == ([], [delivery])
        assert caplog.records == []

    @pytest.mark.parametrize("where", [["cpus=>8"], "cpus", 8, ["cpus"] * 65, [b"\xff"]])
    async def test_a_filter_that_is_not_understood_is_an_error(
        self, b: Bench, where: object
    ) -> None:
        await b.process(
            b.delivery({"type": "x"}, envelope=commanded(where=where)),
            b.delivery({"type": "y"}, envelope=commanded("n")),
        )
        assert [body["type"] for body in b.bodies] == ["error", "answer"]
        assert b.bodies[0]["error_class"] == "InvalidFilter"
        assert b.published[0].envelope.correlation_id == "m"
        assert outcomes(b) == ["failed", "done"]
        assert len(b.acknowledged) == 2

    async def test_a_fact_that_cannot_be_compared_is_an_error(self, b: Bench) -> None:
        b.manager.consumer.server = Server("x", facts={"huge": 10**5000})
        await b.process(b.delivery({"type": "x"}, envelope=commanded(where=["huge=1*"])))
        assert b.bodies[0]["error_class"] == "ValueError"
        assert outcomes(b) == ["failed"]


@pytest.mark.parametrize("kind", ["async", "blocking"])
class TestSplay:
    @pytest.fixture
    def delays(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """How long each command is held, in seconds; without one, for an hour."""
        delays: list[float] = []

        def draw(splay: object) -> float:
            return 0.0 if splay is None else delays.pop(0) if delays else 3600.0

        monkeypatch.setattr("baton.consumer_manager.draw", draw)
        return delays

    @pytest.fixture
    def ran(self) -> list[str]:
        return []

    @pytest.fixture
    async def b(self, bench: MakeBench, ran: list[str], kind: str, delays: list[float]) -> Bench:
        """Its command `slow` takes until what waits meanwhile has expired."""

        def work(consumer: Consumer, message: Message) -> None:
            ran.append(message.type)
            consumer.notify({"type": "answer", "to": message.type})

        async def run(consumer: Scripted, message: Message) -> None:
            work(consumer, message)
            if message.type == "slow":
                await asyncio.sleep(0.2)

        def block(consumer: Blocking, message: Message) -> None:
            work(consumer, message)
            if message.type == "slow":
                time.sleep(0.2)

        return bench(Scripted(run) if kind == "async" else Blocking(block))

    async def test_it_runs_later_and_is_acknowledged_at_once(
        self, b: Bench, ran: list[str], delays: list[float]
    ) -> None:
        delays.append(0.1)
        held = b.delivery({"type": "held"}, envelope=commanded(splay=1000))
        other = b.delivery({"type": "other"}, envelope=commanded("n"))
        b.manager.delivered([held, other])
        await b.until(lambda: other in b.acknowledged)
        assert ran == ["other"]
        assert b.acknowledged == [held, other]
        assert b.manager.abandoned == 1
        await asyncio.wait_for(b.manager.drain(), 5)
        assert ran == ["other", "held"]
        assert b.acknowledged == [held, other]
        assert outcomes(b) == ["done", "done"]
        assert b.published[-1].envelope.correlation_id == "m"

    async def test_without_a_wait_it_runs_at_once(
        self, b: Bench, ran: list[str], delays: list[float]
    ) -> None:
        delays.append(0.0)
        await b.process(b.delivery({"type": "x"}, envelope=commanded(splay=1000)))
        assert ran == ["x"]
        assert len(b.acknowledged) == 1

    async def test_it_runs_once_however_often_it_comes(
        self, b: Bench, ran: list[str], delays: list[float]
    ) -> None:
        delays.append(0.05)
        copies = [b.delivery({"type": "x"}, envelope=commanded(splay=1000)) for _ in range(3)]
        await b.process(*copies)
        assert ran == ["x"]
        assert b.acknowledged == copies

    async def test_it_outlives_its_channel(
        self, b: Bench, ran: list[str], delays: list[float]
    ) -> None:
        delays.append(0.05)
        held = b.delivery({"type": "x"}, envelope=commanded(splay=1000))
        b.manager.delivered([held])
        await b.until(lambda: b.acknowledged)
        b.manager.channel_lost()
        again = b.delivery({"type": "x"}, envelope=commanded(splay=1000), redelivered=True)
        await b.process(again)
        assert ran == ["x"]
        assert b.acknowledged == [held, again]
        assert outcomes(b) == ["done"]

    async def test_one_without_an_id_outlives_its_channel_too(
        self, b: Bench, ran: list[str], delays: list[float]
    ) -> None:
        delays.append(0.05)
        nameless = Envelope(headers={"baton-splay": 1000})
        b.manager.delivered([b.delivery({"type": "x"}, envelope=nameless)])
        await b.until(lambda: b.acknowledged)
        b.manager.channel_lost()
        await b.process(b.delivery({"type": "x"}, envelope=Envelope(), redelivered=True))
        assert ran == ["x", "x"]

    async def test_at_the_end_it_is_answered_with_an_error(self, b: Bench, ran: list[str]) -> None:
        first = [b.delivery({"type": f"{n}"}, envelope=commanded(f"{n}", splay=1)) for n in (1, 2)]
        b.manager.delivered(first)
        await b.until(lambda: len(b.acknowledged) == 2)
        b.manager.stop_holding()
        await asyncio.wait_for(b.manager.drain(), 5)
        assert [body["error_class"] for body in b.bodies] == ["Stopping", "Stopping"]
        assert [p.envelope.correlation_id for p in b.published] == ["1", "2"]
        later = b.delivery({"type": "later"}, envelope=commanded("3", splay=1))
        await b.process(later, b.delivery({"type": "plain"}, envelope=commanded("4")))
        assert ran == ["plain"]
        assert outcomes(b) == ["failed", "failed", "failed", "done"]
        assert len(b.acknowledged) == len(set(b.acknowledged)) == 4
        assert later in b.acknowledged

    async def test_the_wait_is_no_time_in_the_handler(self, b: Bench) -> None:
        held = b.delivery({"type": "x"}, envelope=commanded(splay=1))
        b.manager.delivered([held])
        await b.until(lambda: b.acknowledged)
        (command,) = b.manager._running
        command.started -= 1000
        b.manager.stop_holding()
        await asyncio.wait_for(b.manager.drain(), 5)
        assert b.published[0].envelope.headers["baton-end"]["duration"] < 900_000_000

    async def test_too_many_are_refused(self, b: Bench, ran: list[str]) -> None:
        deliveries = [
            b.delivery({"type": "x"}, envelope=commanded(f"{n}", splay=1)) for n in range(1030)
        ]
        b.manager.delivered(deliveries)
        await b.until(lambda: len(b.acknowledged) == 1030)
        assert [body["error_class"] for body in b.bodies] == ["TooManyHeld"] * 6
        assert outcomes(b) == ["failed"] * 6
        await b.process_while_held(b.delivery({"type": "plain"}, envelope=commanded("plain")))
        assert ran == ["plain"]

    @pytest.mark.parametrize("splay", [-1, "1000", 3_600_001, True])
    async def test_a_splay_that_is_none_is_an_error(
        self, bench: MakeBench, kind: str, splay: object
    ) -> None:
        b = bench(Scripted(nothing) if kind == "async" else Blocking(lambda *_: None))
        await b.process(b.delivery({"type": "x"}, envelope=commanded(splay=splay)))
        assert b.bodies[0]["error_class"] == "InvalidMessage"
        assert outcomes(b) == ["failed"]

    async def test_its_splay_does_not_count_for_its_expiry(
        self, b: Bench, ran: list[str], delays: list[float]
    ) -> None:
        delays.append(2.2)
        envelope = Envelope("m", expires=10.0, headers={"baton-splay": 1000})
        received = time.monotonic() - 8.0
        await b.process(b.delivery({"type": "x"}, envelope=envelope, received=received))
        assert ran == ["x"]

    async def test_what_waits_beside_its_splay_for_too_long_is_dropped(
        self, b: Bench, ran: list[str], delays: list[float]
    ) -> None:
        delays.append(0.01)
        envelope = Envelope("m", expires=0.1, reply_to="key", headers={"baton-splay": 1000})
        await b.process(
            b.delivery({"type": "held"}, envelope=envelope), b.delivery({"type": "slow"})
        )
        assert ran == ["slow"]
        assert outcomes(b) == ["expired"]

    async def test_a_server_that_is_not_meant_holds_nothing(self, b: Bench) -> None:
        other = commanded(splay=1000, where=["fqdn=other"])
        await b.process(b.delivery({"type": "x"}, envelope=other))
        assert b.published == []


class TestAudit:
    @pytest.fixture
    def entries(self, caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
        caplog.set_level(logging.INFO, "baton.audit")
        return lambda: [r.baton_audit for r in caplog.records if hasattr(r, "baton_audit")]

    async def test_every_command_is_kept(
        self, bench: MakeBench, entries: Callable[[], list[dict[str, Any]]]
    ) -> None:
        async def script(consumer: Scripted, message: Message) -> None:
            if message.type == "bad":
                raise ValueError("bad")

        b = bench(Scripted(script))
        envelope = Envelope("m", user_id="ops", headers={"baton-sender": "alice@web01"})
        await b.process(
            b.delivery({"type": "good"}, envelope=envelope, key="shop.production"),
            b.delivery({"type": "bad"}),
            b.delivery(b"{not json"),
            b.delivery({"type": "late"}, envelope=Envelope("l", expires=1.0), received=-100.0),
            b.delivery({"type": "odd"}, envelope=commanded("odd", where=["="])),
        )
        kept = entries()
        assert [(entry["type"], entry["outcome"]) for entry in kept] == [
            ("good", "done"),
            ("bad", "failed"),
            ("", "failed"),
            ("late", "expired"),
            ("odd", "failed"),
        ]
        first = kept[0]
        assert first.pop("time")
        assert 0 <= first.pop("duration_ms") < 5000
        assert first == {
            "id": "m",
            "sender": "alice@web01",
            "user": "ops",
            "type": "good",
            "key": "shop.production",
            "outcome": "done",
            "extension": "baton-test",
            "consumer": "camac",
        }

    async def test_a_worker_s_too(
        self, bench: MakeBench, entries: Callable[[], list[dict[str, Any]]]
    ) -> None:
        b = bench(Blocking(lambda _, message: time.sleep(0.02)))
        await b.process(b.delivery({"type": "x"}))
        (entry,) = entries()
        assert (entry["type"], entry["outcome"]) == ("x", "done")
        assert entry["duration_ms"] >= 20

    async def test_what_was_not_meant_or_came_again_is_not(
        self, bench: MakeBench, entries: Callable[[], list[dict[str, Any]]]
    ) -> None:
        b = bench(Scripted(nothing))
        await b.process(
            b.delivery({"type": "x"}, envelope=commanded("other", where=["fqdn=other"])),
            b.delivery({"type": "x"}, envelope=Envelope("same")),
            b.delivery({"type": "x"}, envelope=Envelope("same")),
        )
        assert [entry["id"] for entry in entries()] == ["same"]

    async def test_what_is_given_up_is_kept(
        self, bench: MakeBench, entries: Callable[[], list[dict[str, Any]]]
    ) -> None:
        async def script(consumer: Scripted, message: Message) -> None:
            b.changed.set()
            await asyncio.Event().wait()

        b = bench(Scripted(script))
        b.manager.delivered([b.delivery({"type": "long"}), b.delivery({"type": "never"})])
        await b.until(lambda: b.manager.abandoned == 2)
        await asyncio.sleep(0)
        b.manager.stop()
        b.manager.stop()
        assert [(entry["type"], entry["outcome"]) for entry in entries()] == [("long", "abandoned")]

    async def test_nothing_is_kept_of_what_is_made_up(
        self, bench: MakeBench, entries: Callable[[], list[dict[str, Any]]]
    ) -> None:
        b = bench(Scripted(nothing))
        b.manager.quiet = True
        await b.process(b.delivery({"type": "x"}))
        assert entries() == []


# A durable consumer


class Durable(Scripted):
    durable = True

    @property
    def routing_keys(self) -> tuple[str, ...]:
        return ("production", "web")


class Gated(Durable):
    """Begins, and waits until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__(nothing)
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()
        self.began: list[str | None] = []

    async def process_message(self, message: Message) -> None:
        self.began.append(message.message_id)
        self.begun.set()
        await self.gate.wait()


def again(delivery: Delivery, **values: Any) -> Delivery:
    """What comes when *delivery* was not acknowledged."""
    return replace(delivery, tag=delivery.tag + 100, redelivered=True, **values)


async def test_a_redelivery_is_visible_to_the_handler(bench: MakeBench) -> None:
    seen: list[tuple[bool, int]] = []

    async def script(consumer: Scripted, message: Message) -> None:
        seen.append((message.redelivered, message.delivery_count))

    b = bench(Durable(script))
    await b.process(b.delivery({"type": "x"}))
    await b.process(replace(b.delivery({"type": "x"}), redelivered=True, delivery_count=2))
    assert seen == [(False, 0), (True, 2)]
    assert len(b.acknowledged) == 2


def must_not_run(consumer: Blocking, message: Message) -> None:
    pytest.fail("it was run")


async def must_not_be_run(consumer: Scripted, message: Message) -> None:
    pytest.fail("it was run")


@pytest.mark.parametrize("poisoned", [Durable(must_not_be_run), Blocking(must_not_run)])
async def test_what_was_delivered_too_often_is_reported_and_rejected(
    bench: MakeBench, poisoned: Consumer
) -> None:
    poisoned.durable = True
    b = bench(poisoned)
    b.confirming = False
    (key, *_) = poisoned.routing_keys
    poison = b.delivery({"type": "x"}, envelope=requested("p"), key=key)
    poison = replace(poison, delivery_count=3)
    b.manager.delivered([poison])

    await b.until(lambda: b.published)
    assert not b.rejected, "it is not confirmed yet that anybody knows"
    b.outbox.confirm([publication.number for publication in b.published])

    await asyncio.wait_for(b.manager.drain(), 5)
    assert (b.rejected, b.acknowledged) == ([poison], [])
    (output,) = b.published
    assert b.bodies[0]["error_class"] == "DeliveryLimitReached"
    assert output.envelope.correlation_id == "p"
    assert output.envelope.headers[END_HEADER]["outcome"] == "failed"


async def test_the_last_attempt_is_made(bench: MakeBench) -> None:
    b = bench(Durable(answer))
    await b.process(replace(b.delivery({"type": "x"}), delivery_count=2))
    assert [body["type"] for body in b.bodies] == ["answer"]
    assert (len(b.acknowledged), b.rejected) == (1, [])


async def test_a_consumer_that_is_not_durable_counts_no_deliveries(bench: MakeBench) -> None:
    b = bench(Scripted(answer))
    await b.process(replace(b.delivery({"type": "x"}), delivery_count=99))
    assert [body["type"] for body in b.bodies] == ["answer"]


@pytest.mark.parametrize("durable", [True, False])
async def test_a_handler_may_reject(bench: MakeBench, durable: bool) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        raise Reject("no such package")

    consumer = Durable(script)
    consumer.durable = durable
    b = bench(consumer)
    delivery = b.delivery({"type": "x"})
    await b.process(delivery)
    assert b.bodies[0] | {"fqdn": ""} == {
        "fqdn": "",
        "type": "error",
        "error_class": "Reject",
        "error_message": "no such package",
    }
    assert (b.rejected, b.acknowledged) == (([delivery], []) if durable else ([], [delivery]))


async def test_a_plain_def_may_reject(bench: MakeBench) -> None:
    def script(consumer: Blocking, message: Message) -> None:
        raise Reject("never")

    consumer = Blocking(script)
    consumer.durable = True
    b = bench(consumer)
    await b.process(b.delivery({"type": "x"}, key="camac.production"))
    assert (len(b.rejected), b.acknowledged) == (1, [])


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"kind": 1}', b"\xff"])
async def test_what_cannot_be_read_is_rejected(bench: MakeBench, body: bytes) -> None:
    b = bench(Durable(answer))
    await b.process(b.delivery(body))
    assert [each["error_class"] for each in b.bodies] == ["InvalidMessage"]
    assert (len(b.rejected), b.acknowledged) == (1, [])


@pytest.mark.parametrize("headers", [{"splay": -1}, {"splay": "2"}, {"where": 7}, {"where": ["?"]}])
async def test_so_is_one_with_a_header_that_cannot_be(
    bench: MakeBench, headers: dict[str, Any]
) -> None:
    b = bench(Durable(must_not_be_run))
    await b.process(b.delivery({"type": "x"}, envelope=commanded(**headers)))
    assert outcomes(b) == ["failed"]
    assert (len(b.rejected), b.acknowledged) == (1, [])


@pytest.mark.parametrize(
    "error", [InvalidMessage("in here"), InvalidFilter("in here"), ValueError("no")]
)
async def test_what_fails_is_acknowledged(bench: MakeBench, error: Exception) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        raise error

    b = bench(Durable(script))
    await b.process(b.delivery({"type": "x"}))
    assert (len(b.acknowledged), b.rejected) == (1, [])


async def test_a_rejected_one_that_comes_again_is_rejected_again(bench: MakeBench) -> None:
    b = bench(Durable(answer))
    poison = replace(b.delivery({"type": "x"}), delivery_count=3)
    await b.process(poison)
    b.manager.channel_lost()
    second = again(poison, delivery_count=4)
    await b.process(second)
    assert b.rejected == [poison, second]
    assert len(b.published) == 1, "it is reported once"
    assert not b.acknowledged


@pytest.mark.parametrize("concurrency", [1, 2])
@pytest.mark.parametrize("message_id", ["m", None])
async def test_one_that_runs_and_comes_again_is_acknowledged_when_it_is_done(
    bench: MakeBench, message_id: str | None, concurrency: int
) -> None:
    consumer = Gated()
    consumer.concurrency = concurrency
    b = bench(consumer)
    first = b.delivery({"type": "x"}, envelope=Envelope(message_id=message_id))
    b.manager.delivered([first])
    await asyncio.wait_for(consumer.begun.wait(), 5)

    b.manager.channel_lost()
    second = again(first)
    b.manager.delivered([second])
    await asyncio.sleep(0)  # there it would be looked at, if somebody is free
    assert not b.acknowledged
    consumer.gate.set()

    await asyncio.wait_for(b.manager.drain(), 5)
    assert consumer.began == [message_id]
    assert b.acknowledged == ([first, second] if concurrency == 1 else [second])


async def test_one_that_ran_and_comes_again_is_acknowledged(bench: MakeBench) -> None:
    b = bench(Durable(answer))
    first = b.delivery({"type": "x"})
    await b.process(first)
    b.manager.channel_lost()
    second = again(first)
    await b.process(second)
    assert b.acknowledged == [first, second]
    assert len(b.published) == 1


async def test_what_came_under_an_old_key_is_not_run(bench: MakeBench) -> None:
    b = bench(Durable(answer))
    same = Envelope(message_id="same")
    old = b.delivery({"type": "x"}, key="staging", envelope=same)
    await b.process(old)
    assert (b.bodies, b.unbound, b.acknowledged) == ([], ["staging"], [old])
    for key in ("web", b.manager.queue):
        await b.process(b.delivery({"type": key}, key=key))
    assert [body["to"] for body in b.bodies] == ["web", "queue"]
    await b.process(b.delivery({"type": "y"}, key="web", envelope=same))
    assert b.bodies[-1]["to"] == "y", "sent to another of its keys, too"
    assert b.unbound == ["staging"]


async def test_keys_that_fail_wound_nothing(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Durable):
        @property
        def routing_keys(self) -> tuple[str, ...]:
            raise RuntimeError("no keys today")

    b = bench(Broken(answer))
    await b.process(b.delivery({"type": "x"}))
    assert [body["to"] for body in b.bodies] == ["x"]
    assert "The routing keys of camac" in caplog.text


async def test_what_waits_for_its_splay_is_not_acknowledged(bench: MakeBench) -> None:
    b = bench(Durable(answer))
    splayed = b.delivery(
        {"type": "x"}, envelope=Envelope(message_id="s", headers={SPLAY_HEADER: 1})
    )
    b.manager.delivered([splayed])
    await b.until(lambda: b.published)
    await asyncio.wait_for(b.manager.drain(), 5)
    assert b.acknowledged == [splayed]


async def test_what_was_not_started_is_returned_at_the_end(bench: MakeBench) -> None:
    consumer = Gated()
    b = bench(consumer)
    splayed = b.delivery(
        {"type": "x"}, envelope=Envelope(message_id="s", headers={SPLAY_HEADER: 3_600_000})
    )
    running, waiting = b.delivery({"type": "y"}), b.delivery({"type": "z"})
    b.manager.delivered([splayed, running, waiting])
    await asyncio.wait_for(consumer.begun.wait(), 5)

    b.manager.stop_holding()
    late = b.delivery({"type": "late"})
    b.manager.delivered([late])

    assert b.manager.returned == [splayed, waiting, late]
    assert b.manager.abandoned == 1
    consumer.gate.set()
    await asyncio.wait_for(b.manager.drain(), 5)
    assert b.acknowledged == [running]
    assert b.published == [], "nobody is told of an error: it is done later"


async def test_with_nothing_begun_the_end_is_at_once(bench: MakeBench) -> None:
    b = bench(Durable(answer))
    b.manager.delivered(
        [b.delivery({"type": "x"}, envelope=Envelope("s", headers={SPLAY_HEADER: 3_600_000}))]
    )
    b.manager.stop_holding()
    await asyncio.wait_for(b.manager.drain(), 5)
    assert (len(b.manager.returned), b.manager.abandoned) == (1, 0)


async def test_what_is_returned_is_of_no_use_on_another_channel(bench: MakeBench) -> None:
    b = bench(Durable(answer))
    b.manager.stop_holding()
    b.manager.delivered([b.delivery({"type": "x"})])
    b.manager.channel_lost()
    assert b.manager.returned == []


def test_its_prefetch_is_its_concurrency(bench: MakeBench) -> None:
    async def made() -> list[int | None]:
        wide = Durable(answer)
        wide.concurrency = 5
        blocking = Blocking(lambda consumer, message: None)
        blocking.durable, blocking.concurrency = True, 5
        return [bench(each).manager.prefetch for each in (Scripted(answer), wide, blocking)]

    assert asyncio.run(made()) == [None, 5, 1]


@pytest.mark.parametrize("message_id", ["m", None])
async def test_one_that_waits_for_its_splay_and_comes_again_is_run_once(
    bench: MakeBench, message_id: str | None
) -> None:
    b = bench(Durable(answer))
    envelope = Envelope(message_id=message_id, headers={SPLAY_HEADER: 3_600_000})
    first = b.delivery({"type": "x"}, envelope=envelope)
    b.manager.delivered([first])
    await b.process_while_held(b.delivery({"type": "before"}))
    b.manager.channel_lost()
    second = again(first)
    b.manager.delivered([second])
    await b.process_while_held(b.delivery({"type": "after"}))
    b.manager._released(b.manager._held.take_all())
    await asyncio.wait_for(b.manager.drain(), 5)
    assert b.acknowledged[2:] == [second]
    assert [body["to"] for body in b.bodies] == ["before", "after", "x"]


async def test_one_whose_outputs_are_not_confirmed_and_comes_again(bench: MakeBench) -> None:
    b = bench(Durable(answer))
    b.confirming = False
    first = b.delivery({"type": "x"})
    b.manager.delivered([first])
    await b.until(lambda: b.published)
    b.manager.channel_lost()
    second = again(first)
    b.manager.delivered([second])
    b.confirming = True
    await b.process_while_held(b.delivery({"type": "y"}))
    b.outbox.confirm([publication.number for publication in b.published])
    await asyncio.wait_for(b.manager.drain(), 5)
    assert second in b.acknowledged
    assert first not in b.acknowledged
    assert [body["to"] for body in b.bodies] == ["x", "y"]


@pytest.mark.parametrize("kind", ["done", "rejected"])
async def test_one_that_comes_twice_while_it_runs_leaves_nothing_behind(
    bench: MakeBench, kind: str
) -> None:
    """A command to two keys of a server: what stays unacknowledged takes room for good."""

    class Hopeless(Gated):
        async def process_message(self, message: Message) -> None:
            await super().process_message(message)
            if kind == "rejected":
                raise Reject("never")

    consumer = Hopeless()
    consumer.concurrency = 2
    b = bench(consumer)
    first = b.delivery({"type": "x"}, envelope=Envelope("m"))
    second = b.delivery({"type": "x"}, envelope=Envelope("m"), key="web")
    b.manager.delivered([first, second])
    await asyncio.wait_for(consumer.begun.wait(), 5)
    await asyncio.sleep(0)  # there the second is looked at
    assert not b.acknowledged, "it would be lost with the process"
    consumer.gate.set()

    await asyncio.wait_for(b.manager.drain(), 5)
    assert consumer.began == ["m"]
    assert (b.acknowledged, b.rejected) == (
        ([first, second], []) if kind == "done" else ([first], [second])
    )


async def test_one_that_came_twice_and_was_not_started_is_returned_twice(bench: MakeBench) -> None:
    b = bench(Durable(answer))
    envelope = Envelope("s", headers={SPLAY_HEADER: 3_600_000})
    first = b.delivery({"type": "x"}, envelope=envelope)
    second = b.delivery({"type": "x"}, envelope=envelope, key="web")
    b.manager.delivered([first, second])
    await b.process_while_held(b.delivery({"type": "after"}))
    b.manager.stop_holding()
    assert b.manager.returned == [first, second]


async def test_equal_ones_without_ids_that_run_and_come_again(bench: MakeBench) -> None:
    consumer = Gated()
    consumer.concurrency = 2
    b = bench(consumer)
    both = [b.delivery({"type": "x"}, envelope=Envelope()) for _ in range(2)]
    b.manager.delivered(both)
    await asyncio.wait_for(consumer.begun.wait(), 5)
    assert len(consumer.began) == 2
    b.manager.channel_lost()
    second = [again(each) for each in both]
    for each in second:
        b.manager._come_again(each)
    consumer.gate.set()
    await asyncio.wait_for(b.manager.drain(), 5)
    assert sorted(each.tag for each in b.acknowledged) == [each.tag for each in second]


async def test_one_without_an_id_that_was_rejected_on_a_lost_channel(bench: MakeBench) -> None:
    b = bench(Durable(answer))
    b.confirming = False
    garbage = b.delivery(b"{", envelope=Envelope())
    b.manager.delivered([garbage])
    await b.until(lambda: b.published)
    b.manager.channel_lost()
    b.outbox.confirm([publication.number for publication in b.published])
    assert b.rejected == [garbage], "of which nobody hears"

    second = again(garbage)
    await b.process(second)
    assert (b.rejected, b.acknowledged) == ([garbage, second], [])
    assert len(b.published) == 1, "it is reported once"


async def test_a_durable_handler_that_cancels_itself_is_an_error_as_any_other(
    bench: MakeBench,
) -> None:
    async def script(consumer: Scripted, message: Message) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    b = bench(Durable(script))
    b.confirming = False
    delivery = b.delivery({"type": "x"})
    b.manager.delivered([delivery])
    await b.until(lambda: b.published)
    await asyncio.sleep(0)
    assert (b.rejected, b.acknowledged) == ([], []), "nobody knows of it yet"
    b.outbox.confirm([publication.number for publication in b.published])
    await asyncio.wait_for(b.manager.drain(), 5)
    assert (b.rejected, b.acknowledged) == ([], [delivery])


@pytest.mark.parametrize("blocking", [True, False])
async def test_after_a_fault_of_our_own_a_durable_command_is_kept(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch, blocking: bool
) -> None:
    consumer = Blocking(lambda c, m: c.notify_info("a")) if blocking else Durable(answer)
    consumer.durable = True
    (key, *_) = consumer.routing_keys
    b = bench(consumer)
    have_the_first_audit_fail(b, monkeypatch)
    first, next_ = b.delivery({"type": "x"}, key=key), b.delivery({"type": "y"}, key=key)
    await b.process(first, next_)
    assert (b.rejected, b.acknowledged) == ([first], [next_])
    b.manager.channel_lost()
    await b.process(again(first))
    assert [each.tag for each in b.rejected] == [first.tag, again(first).tag]


async def test_one_that_would_expire_in_its_queue_is_answered_at_the_end(bench: MakeBench) -> None:
    """Its splay is longer than its expiry: the broker would drop it, and nobody would hear."""
    b = bench(Durable(answer))
    headers = {SPLAY_HEADER: 3_600_000}
    long = b.delivery({"type": "x"}, envelope=requested("a", expires=600, headers=headers))
    short = b.delivery({"type": "x"}, envelope=requested("b", expires=60, headers=headers))
    b.manager.delivered([long, short])
    await b.process_while_held(b.delivery({"type": "after"}))
    (command,) = (each for each in b.manager._running if each.delivery is short)
    command.delivery = replace(short, received=short.received - 60)
    b.published.clear()
    b.manager.stop_holding()

    await asyncio.wait_for(b.manager.drain(), 5)
    assert b.manager.returned == [long]
    assert [body["error_class"] for body in b.bodies] == ["Stopping"]
    assert b.published[0].envelope.correlation_id == "b"
    assert b.acknowledged[-1] is command.delivery


@pytest.mark.parametrize("durable", [True, False])
async def test_a_fault_of_our_own_costs_one_command_that_is_not_run(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    """It has expired, and there is nobody to be told, so no confirm that would end it."""
    consumer = Durable(answer)
    consumer.durable = durable
    b = bench(consumer)
    have_the_first_audit_fail(b, monkeypatch)
    long_ago = time.monotonic() - 60
    first = b.delivery({"type": "x"}, envelope=Envelope("a", expires=1), received=long_ago)
    next_ = b.delivery({"type": "y"})
    await b.process(first, next_)
    assert (b.rejected, b.acknowledged) == (([first], [next_]) if durable else ([], [first, next_]))
