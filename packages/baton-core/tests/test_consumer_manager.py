from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from baton.consumer import Consumer
from baton.consumer_manager import REMEMBERED, ConsumerManager, Origin
from baton.errors import UnknownMessageType
from baton.message import Envelope, Message
from baton.outbox import Outbox
from baton.server import Server
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
        self.changed = asyncio.Event()
        self.confirming = True
        self._tag = 0
        self._scheduled = False
        self.manager = ConsumerManager(
            consumer,
            "queue",
            Origin("out", "baton-test", "guest", instance="me"),
            self.outbox,
            timeout=5,
            flush=self.flush_soon,
            acknowledge=self.acknowledge,
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

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def flush_soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        self._scheduled = False
        taken = self.outbox.take()
        self.published += taken
        self.changed.set()
        if self.confirming:
            self.outbox.confirm([publication.number for publication in taken])

    def acknowledge(self, delivery: Delivery) -> None:
        self.acknowledged.append(delivery)
        self.changed.set()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(publication.body) for publication in self.published]


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
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
    levels = {record.levelname: record.getMessage() for record in caplog.records}
    assert "an info message" in levels["INFO"]
    assert "an error message" in levels["ERROR"]
    assert [body["type"] for body in b.bodies] == ["info", "error"]


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


async def test_attributes_that_raise_do_not_wound_the_service(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Scripted):
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
    b.manager._timeout = 0.01
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
    assert len(b.manager._seen) == REMEMBERED


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
    assert "SystemExit: odd" in caplog.text
