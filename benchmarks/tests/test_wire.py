from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
from pika import spec
from pika.frame import Method, decode_frame

from bench.dialects import DIALECTS, pings
from bench.wire import MARK, Wire, count_all, frames


@pytest.fixture
def ends() -> Iterator[tuple[Wire, socket.socket]]:
    """A connection that is open, and the broker's end of it."""
    ours, theirs = socket.socketpair()
    wire = Wire.__new__(Wire)
    wire._socket = ours
    wire._buffer = wire._tail = b""
    wire._exchanges = []
    with ours, theirs:
        yield wire, theirs


@pytest.mark.parametrize("cut", range(1, 2 * len(MARK)))
def test_pongs_are_counted_however_they_are_split(
    ends: tuple[Wire, socket.socket], cut: int
) -> None:
    wire, broker = ends
    stream = MARK * 2
    broker.sendall(stream[:cut])
    if cut < len(MARK):
        with pytest.raises(TimeoutError, match=r"0 of 1 pongs came in 0\.01 s"):
            wire.count(1, 0.01)
        return
    wire.count(1, 1)


def test_a_pong_in_two_parts_is_one(ends: tuple[Wire, socket.socket]) -> None:
    wire, broker = ends
    broker.sendall(b'{"type": "po')
    broker.sendall(b'ng"}' + MARK)
    wire.count(2, 1)


def test_a_pong_in_many_parts_is_one(ends: tuple[Wire, socket.socket]) -> None:
    wire, broker = ends
    found = 0
    for each in MARK + MARK:
        broker.sendall(bytes([each]))
        found += wire.more()
    assert found == 2


def test_all_are_waited_for_until_the_last_has_heard(ends: tuple[Wire, socket.socket]) -> None:
    wire, broker = ends
    ours, theirs = socket.socketpair()
    other = Wire.__new__(Wire)
    other._socket, other._buffer, other._tail = ours, b"", b""
    with ours, theirs:
        broker.sendall(MARK * 2)
        theirs.sendall(MARK)
        with pytest.raises(TimeoutError, match=r"1 of 2 pongs came in 0\.01 s"):
            count_all([wire, other], 2, 0.01)
        broker.sendall(MARK)
        theirs.sendall(MARK)
        count_all([wire, other], 1, 1)


def test_more_pongs_than_pings_are_an_error(ends: tuple[Wire, socket.socket]) -> None:
    wire, broker = ends
    broker.sendall(MARK * 3)
    with pytest.raises(ValueError, match="3 pongs came, 2 pings were sent"):
        wire.count(2, 1)


def test_a_broker_that_hangs_up_is_told(ends: tuple[Wire, socket.socket]) -> None:
    wire, broker = ends
    broker.close()
    with pytest.raises(ConnectionError, match="The broker closed the connection"):
        wire.count(1, 1)


def test_the_exchanges_that_it_made_go_with_it(ends: tuple[Wire, socket.socket]) -> None:
    wire, broker = ends
    broker.sendall(
        Method(1, spec.Exchange.DeclareOk()).marshal()
        + Method(1, spec.Exchange.DeleteOk()).marshal()
    )
    wire.exchange("bench_in")
    wire.close()
    sent = b"".join(iter(lambda: broker.recv(4096), b""))
    names = []
    while sent:
        size, frame = decode_frame(sent)
        sent = sent[size:]
        names.append((type(frame.method).__qualname__, frame.method.exchange))
    assert names == [("Exchange.Declare", "bench_in"), ("Exchange.Delete", "bench_in")]


def test_one_whose_broker_hung_up_is_closed_all_the_same(
    ends: tuple[Wire, socket.socket],
) -> None:
    wire, broker = ends
    broker.sendall(Method(1, spec.Exchange.DeclareOk()).marshal())
    wire.exchange("bench_in")
    broker.close()
    wire.close()
    assert wire.fileno() == -1


def test_frames_are_those_of_a_publish() -> None:
    sent = frames("in", "production", [(spec.BasicProperties(message_id="a"), b"x" * 200_000)])
    kinds = []
    body = b""
    while sent:
        size, frame = decode_frame(sent)
        sent = sent[size:]
        kinds.append(type(frame).__name__)
        body += getattr(frame, "fragment", b"")
    assert kinds == ["Method", "Header", "Body", "Body"]
    assert body == b"x" * 200_000


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_dialect_wraps_the_same_ping(dialect: str) -> None:
    (first, body), (second, _) = pings(dialect, 2)
    assert json.dumps({"type": "ping"}) in body.decode()
    ids = {(each.message_id, each.correlation_id) for each in (first, second)}
    assert len(ids) == 2
    json.loads(body)


def test_a_ping_can_be_padded() -> None:
    ((_, body),) = pings("plain", 1, padding=1000)
    assert json.loads(body)["type"] == "ping"
    assert len(body) > 1000
