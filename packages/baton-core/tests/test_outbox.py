from __future__ import annotations

import logging
import threading
import time
from contextlib import AbstractContextManager
from typing import Any

import pytest

from baton.errors import MessageTooLarge, OutboxFull
from baton.message import BCC_HEADER, Envelope
from baton.outbox import OVERHEAD, Outbox, Output
from baton.transports import MAX_MESSAGE_SIZE, Publication


def output(number: int, body: bytes, told: list[bytes] | None = None, key: str = "") -> Output:
    confirmed = None if told is None else lambda: told.append(body)
    headers: dict[str, Any] = {}
    envelope = Envelope(message_id=body.decode(), headers=headers)
    return Output(Publication(number, "out", key, body, envelope), headers, confirmed)


def put(outbox: Outbox, *bodies: bytes) -> None:
    for body in bodies:
        outbox.reserve(len(body), wait=False)
        outbox.add(output(next(outbox.numbers), body))


def bodies(outbox: Outbox) -> list[bytes]:
    return [publication.body for publication in outbox.take()]


def test_is_taken_once_and_kept_until_confirmed() -> None:
    outbox = Outbox(100, 10_000)
    put(outbox, b"1", b"2")
    taken = outbox.take()
    assert [publication.number for publication in taken] == [1, 2]
    assert outbox.take() == []
    assert len(outbox) == 2
    outbox.confirm([1, 2, 2, 99])
    assert len(outbox) == 0


def test_confirming_tells_who_asked() -> None:
    told: list[bytes] = []
    outbox = Outbox(100, 10_000)
    outbox.reserve(1, wait=False)
    outbox.add(output(1, b"1", told))
    outbox.confirm([1])
    assert told == [b"1"]


def test_rewinding_sends_again_in_order_what_is_not_confirmed() -> None:
    outbox = Outbox(100, 10_000)
    put(outbox, b"1", b"2", b"3")
    first = outbox.take()
    outbox.confirm([2])
    put(outbox, b"4")
    outbox.rewind()
    again = outbox.take()
    assert [publication.body for publication in again] == [b"1", b"3", b"4"]
    assert again[0].envelope.message_id == first[0].envelope.message_id


def test_what_was_refused_goes_to_the_end() -> None:
    outbox = Outbox(100, 10_000)
    put(outbox, b"1", b"2")
    outbox.take()
    outbox.again([1, 99])
    assert bodies(outbox) == [b"1"]
    outbox.rewind()
    assert bodies(outbox) == [b"2", b"1"]
    assert len(outbox) == 2


def test_what_was_refused_goes_to_monitors_and_to_its_requester_apart() -> None:
    told: list[bytes] = []
    outbox = Outbox(100, 10_000)
    outbox.reserve(1, wait=False)
    both = output(next(outbox.numbers), b"1", told)
    both.headers.update({BCC_HEADER: ["key"], "baton-seq": 0})
    outbox.add(both)
    outbox.take()
    outbox.refuse([1])
    outbox.again([1])
    sent = outbox.take()
    assert [each.routing_key for each in sent] == ["", "key"]
    assert {each.envelope.message_id for each in sent} == {"1"}
    assert all(each.envelope.headers == {"baton-seq": 0} for each in sent)
    assert len(outbox) == 2
    outbox.confirm([sent[0].number])
    assert told == []
    outbox.confirm([sent[1].number])
    assert told == [b"1"]
    assert len(outbox) == 0


def test_pauses_grow_with_each_refusal_up_to_half_a_minute() -> None:
    outbox = Outbox(100, 10_000)
    put(outbox, b"1")
    pauses = []
    for number in range(1, 9):
        pauses.append(outbox.refuse([number, 99]))
        outbox.again([number])
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert len(outbox) == 1  # what is for monitors is never given up
    assert outbox.refuse([99]) == 1


def test_what_a_requester_s_queue_refuses_for_long_is_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[bytes] = []
    outbox = Outbox(100, 10_000)
    outbox.reserve(1, wait=False)
    outbox.add(output(next(outbox.numbers), b"1", told, key="key"))
    for number in range(1, 6):
        outbox.refuse([number])
        outbox.again([number])
    assert told == []
    outbox.refuse([6])
    assert told == [b"1"]
    assert len(outbox) == 0
    assert caplog.text.count("Gave up 1 outputs to requesters") == 1


def test_headers_may_change_until_it_is_sent() -> None:
    outbox = Outbox(100, 10_000)
    one = output(1, b"1")
    outbox.reserve(1, wait=False)
    outbox.add(one)
    assert not one.sent
    one.headers["late"] = True
    assert outbox.take()[0].envelope.headers == {"late": True}
    assert one.sent


def test_is_open_below_half_of_the_number() -> None:
    opened: list[bool] = []
    outbox = Outbox(4, 1_000_000)
    outbox.on_open(lambda: opened.append(True))
    put(outbox, b"1")
    assert bool(outbox.open)
    put(outbox, b"2")
    assert not bool(outbox.open)
    outbox.confirm([1])
    assert bool(outbox.open)
    assert opened == [True]


def test_is_full_beyond_the_number() -> None:
    outbox = Outbox(2, 1_000_000)
    put(outbox, b"1", b"2")
    with pytest.raises(OutboxFull, match="2 outputs"):
        outbox.reserve(1, wait=False)
    outbox.reserve_beyond(1)
    assert len(outbox) == 3


def test_is_full_beyond_the_bytes_but_takes_one_of_any_size() -> None:
    outbox = Outbox(100, 2 * OVERHEAD)
    outbox.reserve(10 * OVERHEAD, wait=False)
    assert not outbox.open
    with pytest.raises(OutboxFull, match="bytes"):
        outbox.reserve(1, wait=False)


def test_refuses_what_the_broker_would_refuse() -> None:
    outbox = Outbox(100, 10_000)
    with pytest.raises(MessageTooLarge):
        outbox.reserve(MAX_MESSAGE_SIZE + 1, wait=False)
    assert len(outbox) == 0


def test_a_thread_waits_for_room() -> None:
    outbox = Outbox(2, 1_000_000)
    put(outbox, b"1")
    reserved = threading.Event()

    def reserve() -> None:
        outbox.reserve(1, wait=True)
        reserved.set()

    thread = threading.Thread(target=reserve)
    thread.start()
    assert not reserved.wait(0.05)
    outbox.confirm([1])
    assert reserved.wait(5)
    thread.join(5)
    assert len(outbox) == 1


def test_a_thread_that_claims_and_waits_while_outputs_are_confirmed_is_woken() -> None:
    """It claims the last of the room after the confirm came in, and before it took the lock."""
    outbox = Outbox(4, 10_000_000)
    put(outbox, b"1")
    outbox.take()
    claims: list[int] = []

    def work() -> None:
        for number in (1, 2):
            outbox.reserve(1, wait=True)
            claims.append(number)

    worker = threading.Thread(target=work, daemon=True)

    class Slow:
        """The outbox's lock, for which the confirming thread loses the race once."""

        def __init__(self, lock: AbstractContextManager[bool]) -> None:
            self.lock = lock

        def __enter__(self) -> bool:
            if threading.current_thread() is not worker and not worker.is_alive():
                worker.start()
                while not claims:
                    time.sleep(0.001)
            return self.lock.__enter__()

        def __exit__(self, *error: Any) -> None:
            self.lock.__exit__(*error)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.lock, name)

    outbox._lock = Slow(outbox._lock)  # type: ignore[assignment]
    outbox.confirm([1])
    worker.join(5)
    assert claims == [1, 2]


def test_closing_lets_go_of_a_waiting_thread() -> None:
    outbox = Outbox(2, 1_000_000)
    put(outbox, b"1")
    errors: list[OutboxFull] = []

    def reserve() -> None:
        try:
            outbox.reserve(1, wait=True)
        except OutboxFull as error:
            errors.append(error)

    thread = threading.Thread(target=reserve)
    thread.start()
    outbox.close()
    thread.join(5)
    assert "stopping" in str(errors[0])


def test_gives_up_what_is_longer_than_the_broker_takes(caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(100, 100_000)
    put(outbox, b"short", b"x" * 1000)
    outbox.take()
    with caplog.at_level(logging.ERROR):
        outbox.shrink(100)
    assert "1,000 bytes" in caplog.text
    outbox.rewind()
    assert bodies(outbox) == [b"short"]
    assert len(outbox) == 1


def test_says_something_shorter_instead_in_the_same_place() -> None:
    outbox = Outbox(100, 4_000)
    opened = []
    outbox.on_open(lambda: opened.append(True))
    put(outbox, b"first", b"x" * 2000, b"last")
    large = outbox._outputs[2]
    large.instead = lambda error: f"{error.size} of {error.limit}".encode()
    outbox.take()
    assert not outbox.open
    outbox.shrink(100)
    assert opened == [True]
    outbox.rewind()
    assert bodies(outbox) == [b"first", b"2000 of 100", b"last"]
    assert len(outbox) == 3


def test_gives_up_what_is_too_long_even_then(caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(100, 100_000)
    put(outbox, b"x" * 1000)
    outbox._outputs[1].instead = lambda _: b"y" * 500
    outbox.shrink(100)
    assert len(outbox) == 0
