"""The pika publisher, against a broker in this process that answers as a test wants it to.

What a real broker does to it is in tests/integration.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from pika import frame, spec

from baton.configuration import Configuration
from baton.errors import (
    AuthenticationFailed,
    BrokerError,
    BrokerUnavailable,
    ConfigurationError,
    MessageError,
    MessageTooLarge,
    PublishTimeout,
    Unroutable,
)
from baton.message import Envelope
from baton.transports import MAX_MESSAGE_SIZE, Publication, open_publisher, pika_session
from baton.transports.pika_session import WINDOW_BYTES, PikaSession
from baton.transports.pika_worker import PikaWorker
from baton.transports.publisher import PikaPublisher

ENOUGH = 10.0
"""Seconds that what works never takes."""
NOT_FOUND = (404, "NOT_FOUND - no exchange 'missing' in vhost '/'")


@dataclass(frozen=True)
class Arrival:
    """A publication as it reached the broker; ``tag`` is its number on its channel."""

    connection: int
    tag: int
    exchange: str
    key: str
    id: str


class Client:
    """The broker's end of a connection."""

    def __init__(self, broker: FakeBroker, stream: socket.socket, number: int) -> None:
        self._broker = broker
        self._stream = stream
        self._number = number
        self._channel = 0
        self._tag = 0
        self._publish: Any = None

    def serve(self) -> None:
        with self._stream:
            try:
                self._stream.recv(8)  # the protocol header
                self._send(0, START)
                buffer = b""
                while chunk := self._stream.recv(65536):
                    self._broker.reads += 1
                    buffer += chunk
                    while buffer and (decoded := frame.decode_frame(buffer))[1]:
                        buffer = buffer[decoded[0] :]
                        self._handle(decoded[1])
            except OSError:
                pass  # the connection was dropped, by one side or the other

    # What a broker may answer to a publication

    def ack(self, tag: int, *, multiple: bool = False) -> None:
        self._send(self._channel, spec.Basic.Ack(tag, multiple))

    def nack(self, tag: int, *, multiple: bool = False) -> None:
        self._send(self._channel, spec.Basic.Nack(tag, multiple, requeue=False))

    def give_back(self, arrival: Arrival) -> None:
        method = spec.Basic.Return(312, "NO_ROUTE", arrival.exchange, arrival.key)
        self._send(self._channel, method)
        properties = spec.BasicProperties(message_id=arrival.id)
        self._stream.sendall(frame.Header(self._channel, 0, properties).marshal())

    def close_channel(self, code: int, text: str) -> None:
        self._send(self._channel, spec.Channel.Close(code, text, 0, 0))
        self._channel = 0  # what else comes on it is passed over

    def close_connection(self, code: int, text: str) -> None:
        self._send(0, spec.Connection.Close(code, text, 0, 0))
        self._channel = 0

    def block(self, reason: str) -> None:
        self._send(0, spec.Connection.Blocked(reason))

    def unblock(self) -> None:
        self._send(0, spec.Connection.Unblocked())

    def drop(self) -> None:
        self._stream.shutdown(socket.SHUT_RDWR)

    def _send(self, channel: int, method: Any) -> None:
        self._stream.sendall(frame.Method(channel, method).marshal())

    def _handle(self, received: Any) -> None:
        match received:
            case frame.Method(method=spec.Connection.StartOk(response=response)):
                self._broker.credentials.append(response)
                if self._broker.refuses_login:
                    self.close_connection(403, "ACCESS_REFUSED - Login was refused")
                else:
                    self._send(0, spec.Connection.Tune(0, 131072, 0))
            case frame.Method(method=spec.Connection.Open()):
                self._broker.opened.set()
                self._send(0, spec.Connection.OpenOk())
            case frame.Method(method=spec.Connection.Close()):
                self._broker.closed.set()
                self._send(0, spec.Connection.CloseOk())
            case frame.Method(method=spec.Channel.Open()):
                self._channel, self._tag = received.channel_number, 0
                self._broker.channels += 1
                self._send(self._channel, spec.Channel.OpenOk())
            case frame.Method(method=spec.Channel.Close()):
                self._send(received.channel_number, spec.Channel.CloseOk())
            case frame.Method(method=spec.Confirm.Select()):
                self._send(self._channel, spec.Confirm.SelectOk())
            case frame.Method(method=spec.Basic.Publish()):
                self._publish = received.method
            case frame.Header() if received.channel_number == self._channel:
                self._tag += 1
                arrival = Arrival(
                    self._number,
                    self._tag,
                    self._publish.exchange,
                    self._publish.routing_key,
                    received.properties.message_id,
                )
                self._broker.arrived.append(arrival)
                self._broker.properties.append(
                    {name: value for name, value in vars(received.properties).items() if value}
                )
                self._broker.answer(self, arrival)


START = spec.Connection.Start(
    0, 9, {"capabilities": {"publisher_confirms": True, "basic.nack": True}}, "PLAIN", "en_US"
)
Answer = Callable[[Client, Arrival], None]


def confirm(client: Client, arrival: Arrival) -> None:
    client.ack(arrival.tag)


def say_nothing(client: Client, arrival: Arrival) -> None:
    pass


class FakeBroker:
    """Speaks as much AMQP as a publisher needs. ``answer`` is what it does to a publication."""

    def __init__(self) -> None:
        self.answer: Answer = confirm
        self.refuses_login = False
        self.arrived: list[Arrival] = []
        self.properties: list[dict[str, Any]] = []
        self.credentials: list[bytes] = []
        self.channels = 0
        self.connections = 0
        self.reads = 0
        self.opened = threading.Event()
        self.closed = threading.Event()
        self._streams: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            self._streams.append(stream)
            self.connections += 1
            client = Client(self, stream, self.connections)
            self._threads.append(threading.Thread(target=client.serve))
            self._threads[-1].start()

    def sees_the_end_of(self, connection: int) -> bool:
        """Whether that connection ends, by its number."""
        self._threads[connection].join(ENOUGH)
        return not self._threads[connection].is_alive()

    def end(self) -> None:
        """Be gone: drop every connection, take no other."""
        for each in (self._listener, *self._streams):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already
        self._listener.close()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(ENOUGH)


@pytest.fixture
def broker() -> Iterator[FakeBroker]:
    broker = FakeBroker()
    yield broker
    broker.end()
    broker.join()


OpenPublisher = Callable[..., PikaPublisher]


@pytest.fixture
def make_publisher() -> Iterator[OpenPublisher]:
    """Makes publishers for a ``rabbit_host``, and closes them."""
    made: list[PikaPublisher] = []

    def make(host: str, **settings: Any) -> PikaPublisher:
        configuration = Configuration(rabbit_host=host, **settings)
        publisher = open_publisher(configuration, "test")
        assert isinstance(publisher, PikaPublisher)
        made.append(publisher)
        return publisher

    yield make
    for publisher in made:
        publisher.close()


@pytest.fixture
def publisher(broker: FakeBroker, make_publisher: OpenPublisher) -> PikaPublisher:
    return make_publisher(f"127.0.0.1:{broker.port}", reconnect_max=0.1)


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many may be in flight: few, but more than are written at once."""
    monkeypatch.setattr(pika_session, "CHUNK", 4)
    monkeypatch.setattr(pika_session, "WINDOW", 10)
    return 10


def overdue(publisher: PikaPublisher) -> None:
    """For all that is pending the deadline is over now: no test has to guess how long a machine
    takes for what comes before it."""
    worker = publisher._worker()
    for batch in tuple(worker._timers):
        worker.withdraw(batch)


def ping(
    id: str = "1", key: str = "production", exchange: str = "in", **values: Any
) -> Publication:
    values.setdefault("envelope", Envelope(message_id=id))
    values.setdefault("body", b"{}")
    return Publication(0, exchange, key, mandatory=True, **values)


def once(first: Answer, then: Answer = confirm) -> Answer:
    """Do *first* to the first publication that arrives, *then* to all others."""
    answers = iter([first])

    def answer(client: Client, arrival: Arrival) -> None:
        next(answers, then)(client, arrival)

    return answer


# Without a broker


def test_nothing_is_published_at_once(make_publisher: OpenPublisher) -> None:
    assert make_publisher("127.0.0.1:1").publish([], ENOUGH) == []


def test_connects_at_the_first_publish(broker: FakeBroker, publisher: PikaPublisher) -> None:
    assert publisher.publish([], ENOUGH) == []
    assert broker.connections == 0
    assert publisher.publish([ping("1")], ENOUGH) == [None]
    assert publisher.publish([ping("2")], ENOUGH) == [None]
    assert broker.connections == 1


def test_a_pool_of_which_every_host_refuses_is_said_at_once(make_publisher: OpenPublisher) -> None:
    publisher = make_publisher("127.0.0.1:1,127.0.0.1:2")
    started = time.monotonic()

    first, second = publisher.publish([ping(), ping()], ENOUGH)

    assert time.monotonic() - started < ENOUGH / 4
    for outcome in (first, second):
        assert isinstance(outcome, BrokerUnavailable)
        assert str(outcome) == (
            "No broker could be reached: 127.0.0.1:1 (connection refused), "
            "127.0.0.1:2 (connection refused)"
        )
    assert first is not second


def test_a_host_that_does_not_exist(make_publisher: OpenPublisher) -> None:
    (outcome,) = make_publisher("host.invalid").publish([ping()], ENOUGH)
    assert str(outcome) == "No broker could be reached: host.invalid:5672 (unknown host)"


def test_a_host_that_does_not_speak_tls(broker: FakeBroker, make_publisher: OpenPublisher) -> None:
    publisher = make_publisher(f"127.0.0.1:{broker.port}", rabbit_scheme="amqps")
    (outcome,) = publisher.publish([ping()], ENOUGH)
    assert isinstance(outcome, BrokerUnavailable)
    assert "(it does not speak TLS on this port: " in str(outcome)


def accept(listener: socket.socket) -> socket.socket:
    """The other end of the next connection that is made to *listener*."""
    listener.settimeout(ENOUGH)
    stream, _ = listener.accept()
    stream.settimeout(ENOUGH)
    return stream


def test_a_host_that_accepts_and_says_nothing(make_publisher: OpenPublisher) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        publisher = make_publisher(f"127.0.0.1:{silent.getsockname()[1]}", deadline=0.3)
        started = time.monotonic()
        (outcome,) = publisher.publish([ping()], ENOUGH)

        assert time.monotonic() - started < ENOUGH / 4
        assert isinstance(outcome, BrokerUnavailable)
        assert "(no answer)" in str(outcome)


def test_a_host_that_says_nothing_leaves_time_for_the_next(
    broker: FakeBroker, make_publisher: OpenPublisher
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        hosts = f"127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{broker.port}"
        publishers = [make_publisher(hosts, deadline=1.0) for _ in range(4)]

        # Each starts at a random host.
        assert [each.publish([ping()], ENOUGH) for each in publishers] == [[None]] * 4


def test_the_timeout_holds_while_connecting(make_publisher: OpenPublisher) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        publisher = make_publisher(f"127.0.0.1:{port}", deadline=2 * ENOUGH)
        with ThreadPoolExecutor() as pool:
            connecting = pool.submit(publisher.publish, [ping()], ENOUGH)
            with accept(silent):
                started = time.monotonic()
                (outcome,) = publisher.publish([ping()], 0.2)
                took = time.monotonic() - started
                overdue(publisher)
                connecting.result(ENOUGH)

    assert 0.2 <= took < ENOUGH / 2
    assert isinstance(outcome, BrokerUnavailable)
    assert str(outcome) == f"No broker could be reached: 127.0.0.1:{port} (no answer yet)"


def test_a_body_that_is_too_large_is_not_sent(broker: FakeBroker, publisher: PikaPublisher) -> None:
    large = ping("large", body=bytes(MAX_MESSAGE_SIZE + 1))

    outcomes = publisher.publish([large, ping("1")], ENOUGH)

    assert isinstance(outcomes[0], MessageTooLarge)
    assert (outcomes[0].size, outcomes[0].limit) == (MAX_MESSAGE_SIZE + 1, MAX_MESSAGE_SIZE)
    assert outcomes[1] is None
    assert [arrival.id for arrival in broker.arrived] == ["1"]
    assert isinstance(publisher.publish([large], ENOUGH)[0], MessageTooLarge)


@pytest.mark.parametrize(
    "wrong",
    [
        ping(key="k" * 256),
        ping(envelope=Envelope(headers={"when": object()})),
        ping(envelope=Envelope(timestamp=-1.0)),
        ping(envelope=Envelope(message_id="\ud800")),
    ],
    ids=["long-key", "header", "timestamp", "surrogate"],
)
def test_a_message_that_amqp_cannot_carry_harms_no_other(
    publisher: PikaPublisher, wrong: Publication
) -> None:
    before, refused, after = publisher.publish([ping("1"), wrong, ping("2")], ENOUGH)

    assert (before, after) == (None, None)
    assert isinstance(refused, MessageError)
    assert len(str(refused)) < 300


def test_carries_the_whole_envelope(broker: FakeBroker, publisher: PikaPublisher) -> None:
    headers = {"number": 1, "list": ["a"], "tuple": ("a", "b"), "map": {"b": True}, "none": None}
    whole = Envelope(
        message_id="m",
        correlation_id="c",
        reply_to="r",
        timestamp=1_700_000_000.9,
        expires=0.0015,
        user_id="joe",
        app_id="baton",
        persistent=True,
        headers=MappingProxyType(headers),
    )
    bare = Envelope(content_type=None)
    assert publisher.publish([ping(envelope=whole), ping(envelope=bare)], ENOUGH) == [None] * 2
    assert broker.properties == [
        {
            "content_type": "application/json",
            "message_id": "m",
            "correlation_id": "c",
            "reply_to": "r",
            "timestamp": 1_700_000_000,
            "expiration": "2",
            "user_id": "joe",
            "app_id": "baton",
            "delivery_mode": 2,
            "headers": {**headers, "tuple": ["a", "b"]},
        },
        {"delivery_mode": 1},
    ]


def test_many_are_written_at_once(broker: FakeBroker, publisher: PikaPublisher) -> None:
    """pika writes three frames a message, each by itself."""
    assert publisher.publish([ping("first")], ENOUGH) == [None]
    before = broker.reads
    many = [ping(str(number)) for number in range(100)]
    assert publisher.publish(many, ENOUGH) == [None] * 100
    assert broker.reads - before == 1
    assert [arrival.id for arrival in broker.arrived[1:]] == [str(number) for number in range(100)]


def test_a_large_one_arrives_whole(broker: FakeBroker, publisher: PikaPublisher) -> None:
    large = ping("large", body=b"x" * 1_000_000)
    assert publisher.publish([ping("1"), large, ping("2")], ENOUGH) == [None] * 3
    assert [arrival.id for arrival in broker.arrived] == ["1", "large", "2"]


def test_a_publisher_that_is_closed(broker: FakeBroker, publisher: PikaPublisher) -> None:
    publisher.close()
    (outcome,) = publisher.publish([ping()], ENOUGH)
    assert isinstance(outcome, BrokerUnavailable)
    assert str(outcome) == "The publisher is closed"
    assert broker.connections == 0


def test_close_waits_for_what_is_pending(broker: FakeBroker, publisher: PikaPublisher) -> None:
    held = threading.Event()
    clients: list[Client] = []

    def hold(client: Client, arrival: Arrival) -> None:
        clients.append(client)
        held.set()

    broker.answer = hold
    with ThreadPoolExecutor() as pool:
        pending = pool.submit(publisher.publish, [ping()], ENOUGH)
        assert held.wait(ENOUGH)
        ending = pool.submit(publisher.close)
        late = pool.submit(publisher.publish, [ping("late")], ENOUGH)
        late_outcomes = late.result(ENOUGH)
        assert not broker.closed.is_set()
        clients[0].ack(1)
        assert pending.result(ENOUGH) == [None]
        ending.result(ENOUGH)
    assert broker.closed.wait(ENOUGH)
    assert late_outcomes == [None] or "closed" in str(late_outcomes[0])


def test_a_wrong_file_of_the_configuration_is_said_at_once(
    make_publisher: OpenPublisher, tmp_path: Path
) -> None:
    missing = tmp_path / "missing"
    publisher = make_publisher(
        "127.0.0.1:1", rabbit_scheme="amqps", rabbit_tls_ca_file=missing, reconnect_max=0.1
    )
    for _ in range(2):
        (outcome,) = publisher.publish([ping()], ENOUGH)
        assert isinstance(outcome, ConfigurationError)
        assert str(outcome).startswith(f"RABBIT_TLS_CA_FILE: {missing} cannot be read")


def test_a_refusal_is_what_is_said_at_the_deadline_too(
    make_publisher: OpenPublisher, tmp_path: Path
) -> None:
    # The second publish ends within the pause that follows the refusal.
    publisher = make_publisher(
        "127.0.0.1:1", rabbit_pass_file=tmp_path / "missing", reconnect_max=3600
    )
    publisher.publish([ping()], ENOUGH)
    (outcome,) = publisher.publish([ping()], 0.1)
    assert isinstance(outcome, ConfigurationError)
    assert "RABBIT_PASS_FILE" in str(outcome)


def test_a_refused_login_is_said_at_once(
    broker: FakeBroker, make_publisher: OpenPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    publisher = make_publisher(f"127.0.0.1:{broker.port}", rabbit_pass="my-secret")
    broker.refuses_login = True
    started = time.monotonic()

    (outcome,) = publisher.publish([ping()], ENOUGH)

    assert time.monotonic() - started < ENOUGH / 4
    assert isinstance(outcome, AuthenticationFailed)
    assert str(outcome) == (
        f'127.0.0.1:{broker.port} refused the user "guest": wrong user or password'
    )
    assert broker.credentials == [b"\0guest\0my-secret"]
    assert "my-secret" not in caplog.text
    assert [r.levelname for r in caplog.records if r.name.startswith("baton")] == ["INFO"]


def test_a_refusal_is_forgotten_once_something_else_is_wrong(
    broker: FakeBroker, publisher: PikaPublisher
) -> None:
    broker.refuses_login = True
    (refused,) = publisher.publish([ping()], ENOUGH)
    broker.end()
    (gone,) = publisher.publish([ping()], ENOUGH)

    assert isinstance(refused, AuthenticationFailed)
    assert type(gone) is BrokerUnavailable
    assert "connection refused" in str(gone)


def test_a_login_that_is_refused_after_a_loss_is_said_at_once(
    broker: FakeBroker, publisher: PikaPublisher
) -> None:
    def drop(client: Client, arrival: Arrival) -> None:
        broker.refuses_login = True
        client.drop()

    broker.answer = once(drop)
    started = time.monotonic()
    (in_doubt,) = publisher.publish([ping("1")], ENOUGH)
    (fresh,) = publisher.publish([ping("2")], ENOUGH)
    broker.refuses_login = False

    assert time.monotonic() - started < ENOUGH / 2
    assert isinstance(in_doubt, PublishTimeout)
    assert isinstance(fresh, AuthenticationFailed)
    assert publisher.publish([ping("3")], ENOUGH) == [None]


# What the broker answers


def test_confirms_of_many_at_once(broker: FakeBroker, publisher: PikaPublisher) -> None:
    def answer(client: Client, arrival: Arrival) -> None:
        match arrival.tag:
            case 2:
                client.ack(2)  # out of order
            case 4:
                client.nack(4)
            case 7:
                client.ack(6, multiple=True)
            case 9:
                client.nack(9, multiple=True)

    broker.answer = answer

    outcomes = publisher.publish([ping(str(number)) for number in range(1, 10)], ENOUGH)

    refused = [at + 1 for at, outcome in enumerate(outcomes) if outcome is not None]
    assert refused == [4, 7, 8, 9]
    assert {type(outcomes[at - 1]) for at in refused} == {BrokerError}
    assert "one is full, or has failed" in str(outcomes[3])


def test_returns_find_their_publications(broker: FakeBroker, publisher: PikaPublisher) -> None:
    # As RabbitMQ does: a return in the order of arrival, before its confirm; confirms in any.
    def answer(client: Client, arrival: Arrival) -> None:
        if arrival.key == "nowhere":
            client.give_back(arrival)
        if arrival.tag == 6:
            for tag in (6, 3, 2, 1, 5, 4):
                client.ack(tag)

    broker.answer = answer
    same = ["nowhere", "production", "nowhere", "production", "nowhere", "production"]

    outcomes = publisher.publish([ping("same", key) for key in same], ENOUGH)

    assert [type(outcome) for outcome in outcomes] == [Unroutable, type(None)] * 3


def test_a_return_is_not_taken_for_one_that_is_confirmed_or_not_mandatory(
    broker: FakeBroker, publisher: PikaPublisher
) -> None:
    def answer(client: Client, arrival: Arrival) -> None:
        if arrival.tag == 1:
            client.ack(1)
        if arrival.tag == 3:
            client.give_back(arrival)
            client.ack(3, multiple=True)

    broker.answer = answer
    optional = Publication(0, "in", "production", b"", Envelope(message_id="same"))

    outcomes = publisher.publish([ping("same"), optional, ping("same")], ENOUGH)

    assert outcomes[:2] == [None, None]
    assert isinstance(outcomes[2], Unroutable)


# What was in flight when a connection or a channel was lost


def test_what_was_not_confirmed_is_sent_again(
    broker: FakeBroker, publisher: PikaPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "baton")

    def answer(client: Client, arrival: Arrival) -> None:
        if arrival.connection == 1 and arrival.id == "1":
            client.ack(1)
        elif arrival.connection == 1 and arrival.id == "3":
            client.drop()
        elif arrival.connection == 2:
            client.ack(arrival.tag)

    broker.answer = answer

    assert publisher.publish([ping("1"), ping("2"), ping("3")], ENOUGH) == [None] * 3

    again = [arrival.id for arrival in broker.arrived if arrival.connection == 2]
    assert again == ["2", "3"]
    ours = [(r.levelname, r.getMessage()) for r in caplog.records if r.name.startswith("baton")]
    where = f"127.0.0.1:{broker.port}"
    assert [level for level, _ in ours] == ["INFO", "WARNING", "INFO"]
    assert ours[0][1] == f"test connected to {where}"
    assert ours[1][1].startswith(f"test lost its connection to {where}: ")


def test_what_is_sent_again_comes_before_what_waits(
    broker: FakeBroker, publisher: PikaPublisher, window: int
) -> None:
    def answer(client: Client, arrival: Arrival) -> None:
        if arrival.connection == 2:
            client.ack(arrival.tag)
        elif arrival.tag == window:
            client.drop()

    broker.answer = answer
    ids = [str(number) for number in range(window + 5)]

    assert publisher.publish([ping(each) for each in ids], ENOUGH) == [None] * len(ids)
    assert [arrival.id for arrival in broker.arrived if arrival.connection == 2] == ids


def test_a_broker_that_was_there_is_waited_for(
    broker: FakeBroker, publisher: PikaPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert publisher.publish([ping("1")], ENOUGH) == [None]
    noticed = threading.Event()
    lose = PikaWorker.lost

    def lost(worker: PikaWorker, reason: str | None) -> None:
        lose(worker, reason)
        noticed.set()

    def fall(client: Client, arrival: Arrival) -> None:
        broker.end()

    monkeypatch.setattr(PikaWorker, "lost", lost)
    broker.answer = fall
    with ThreadPoolExecutor() as pool:
        pending = pool.submit(publisher.publish, [ping("2")], ENOUGH)
        assert noticed.wait(ENOUGH)
        started = time.monotonic()
        (unsent,) = publisher.publish([ping("3")], 0.5)
        took = time.monotonic() - started
        is_waiting = not pending.done()
        overdue(publisher)
        (in_doubt,) = pending.result(ENOUGH)

    assert is_waiting
    assert isinstance(in_doubt, PublishTimeout)
    assert took >= 0.5
    assert isinstance(unsent, BrokerUnavailable)
    assert f"127.0.0.1:{broker.port} (" in str(unsent)


def test_what_may_have_been_taken_is_not_called_unroutable(
    broker: FakeBroker, publisher: PikaPublisher
) -> None:
    def answer(client: Client, arrival: Arrival) -> None:
        if arrival.connection == 1:
            client.drop()
        else:
            client.give_back(arrival)
            client.ack(arrival.tag)

    broker.answer = answer

    (outcome,) = publisher.publish([ping()], ENOUGH)
    (fresh,) = publisher.publish([ping("2")], ENOUGH)

    assert isinstance(outcome, PublishTimeout)
    assert "may have been done" in str(outcome)
    assert 'No server listens on "production"' in str(outcome)
    assert isinstance(fresh, Unroutable)


def test_what_followed_a_missing_exchange_was_not_taken(
    broker: FakeBroker, publisher: PikaPublisher
) -> None:
    # The broker passes over what follows on the channel that it closes: that its next answer is
    # "nobody listens" leaves no doubt. What came before may have been taken.
    def answer(client: Client, arrival: Arrival) -> None:
        if arrival.exchange == "missing":
            client.close_channel(*NOT_FOUND)
        elif broker.channels == 2:
            client.give_back(arrival)
            client.ack(arrival.tag)

    broker.answer = answer

    before, missing, after = publisher.publish(
        [ping("1"), ping("2", exchange="missing"), ping("3")], ENOUGH
    )

    assert isinstance(before, PublishTimeout)
    assert isinstance(missing, Unroutable)
    assert "the exchange does not exist" in str(missing)
    assert isinstance(after, Unroutable)
    assert broker.connections == 1


def test_one_whose_deadline_is_over_can_still_be_to_blame(
    broker: FakeBroker, publisher: PikaPublisher
) -> None:
    """Or an innocent one, alone with it on the channel, would be blamed for it."""
    arrived = threading.Event()

    def answer(client: Client, arrival: Arrival) -> None:
        if broker.channels == 2:
            client.ack(arrival.tag)
        elif arrival.id == "innocent":
            client.close_channel(*NOT_FOUND)
        arrived.set()

    broker.answer = answer

    with ThreadPoolExecutor() as pool:
        pending = pool.submit(publisher.publish, [ping("1", exchange="missing")], ENOUGH)
        assert arrived.wait(ENOUGH)
        overdue(publisher)
        (late,) = pending.result(ENOUGH)
    (innocent,) = publisher.publish([ping("innocent")], ENOUGH)

    assert isinstance(late, PublishTimeout)
    assert innocent is None


def test_one_that_closes_the_connection_each_time_does_not_loop(
    broker: FakeBroker, publisher: PikaPublisher
) -> None:
    def answer(client: Client, arrival: Arrival) -> None:
        if arrival.id == "poison":
            client.close_connection(501, "FRAME_ERROR - frame_too_large")
        elif arrival.connection > 1:
            client.ack(arrival.tag)

    broker.answer = answer
    ids = ["1", "2", "poison", "3"]

    outcomes = publisher.publish([ping(each) for each in ids], ENOUGH)

    assert [type(outcome) for outcome in outcomes] == [type(None)] * 2 + [BrokerError, type(None)]
    assert "FRAME_ERROR" in str(outcomes[2])
    assert Counter(arrival.id for arrival in broker.arrived)["poison"] == 2


def test_a_broker_that_shuts_down_is_nobodys_fault(
    broker: FakeBroker, publisher: PikaPublisher
) -> None:
    def shut_down(client: Client, arrival: Arrival) -> None:
        client.close_connection(320, "CONNECTION_FORCED - broker forced connection closure")

    broker.answer = once(shut_down)
    assert publisher.publish([ping()], ENOUGH) == [None]


def test_a_broker_that_says_nothing_is_given_up(
    broker: FakeBroker, make_publisher: OpenPublisher
) -> None:
    publisher = make_publisher(f"127.0.0.1:{broker.port}", deadline=0.3, rabbit_heartbeat=0)
    publisher._worker()._patience = ENOUGH  # it may take its time to connect
    broker.answer = once(say_nothing)
    started = time.monotonic()

    assert publisher.publish([ping()], ENOUGH) == [None]

    assert 0.3 <= time.monotonic() - started < ENOUGH / 2
    assert [arrival.connection for arrival in broker.arrived][:2] == [1, 2]


def test_what_pika_did_not_foresee_is_a_loss_like_another(
    broker: FakeBroker,
    publisher: PikaPublisher,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert publisher.publish([ping("1")], ENOUGH) == [None]
    works = PikaSession.pump

    def fail(session: PikaSession) -> None:
        monkeypatch.setattr(PikaSession, "pump", works)
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(PikaSession, "pump", fail)

    assert publisher.publish([ping("2")], ENOUGH) == [None]
    assert "unexpected RuntimeError('unforeseen')" in caplog.text
    assert [arrival.connection for arrival in broker.arrived] == [1, 2]
    assert broker.sees_the_end_of(1)


@pytest.mark.parametrize("scheme", ["amqp", "amqps"])
def test_what_pika_did_not_foresee_leaves_no_socket_that_is_connecting(
    make_publisher: OpenPublisher, scheme: str
) -> None:
    def fail() -> None:
        raise RuntimeError("unforeseen")

    with closing(socket.create_server(("127.0.0.1", 0))) as silent, ThreadPoolExecutor() as pool:
        publisher = make_publisher(
            f"127.0.0.1:{silent.getsockname()[1]}", rabbit_scheme=scheme, deadline=2 * ENOUGH
        )
        pending = pool.submit(publisher.publish, [ping()], ENOUGH)
        with accept(silent) as stream:
            assert stream.recv(8)
            publisher._worker()._loop.add_callback_threadsafe(fail)
            while stream.recv(4096):
                pass
        accept(silent).close()
        silent.close()
        assert isinstance(pending.result(ENOUGH)[0], BrokerUnavailable)


# Deadlines


def test_what_was_not_sent_in_time_never_is(
    broker: FakeBroker, publisher: PikaPublisher, window: int
) -> None:
    clients: list[Client] = []
    full = threading.Event()

    def hold(client: Client, arrival: Arrival) -> None:
        clients.append(client)
        if arrival.tag == window:
            full.set()

    broker.answer = hold

    with ThreadPoolExecutor() as pool:
        batch = [ping(str(number)) for number in range(window + 1)]
        pending = pool.submit(publisher.publish, batch, ENOUGH)
        assert full.wait(ENOUGH)
        overdue(publisher)
        outcomes = pending.result(ENOUGH)

    assert {type(outcome) for outcome in outcomes[:window]} == {PublishTimeout}
    assert str(outcomes[0]) == (
        f"127.0.0.1:{broker.port} did not confirm in 10 s: the outcome is unknown, "
        "the command may still arrive"
    )
    assert isinstance(outcomes[window], BrokerUnavailable)
    assert str(outcomes[window]) == f"127.0.0.1:{broker.port} does not answer"
    broker.answer = confirm
    clients[0].ack(window, multiple=True)
    assert publisher.publish([ping("next")], ENOUGH) == [None]
    ids = [arrival.id for arrival in broker.arrived]
    assert ids == [*map(str, range(window)), "next"]


def test_what_is_in_flight_is_bounded_in_bytes_too(
    broker: FakeBroker, publisher: PikaPublisher
) -> None:
    full = threading.Event()

    def hold(client: Client, arrival: Arrival) -> None:
        if arrival.tag == 2:
            full.set()

    broker.answer = hold
    large = [ping(str(number), body=bytes(WINDOW_BYTES // 2)) for number in range(4)]

    with ThreadPoolExecutor() as pool:
        pending = pool.submit(publisher.publish, large, ENOUGH)
        assert full.wait(ENOUGH)
        overdue(publisher)
        outcomes = pending.result(ENOUGH)

    assert [type(outcome) for outcome in outcomes] == (
        [PublishTimeout] * 2 + [BrokerUnavailable] * 2
    )
    assert [arrival.id for arrival in broker.arrived] == ["0", "1"]


def test_nobody_waits_for_a_thread_that_does_not_answer(
    make_publisher: OpenPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = make_publisher("127.0.0.1:1", deadline=0.1)
    with monkeypatch.context() as patch:
        patch.setattr(PikaWorker, "_take_inbox", lambda worker: None)
        patch.setattr("baton.transports.publisher.GRACE", 0.1)
        (outcome,) = publisher.publish([ping()], 0.1)

    assert isinstance(outcome, PublishTimeout)
    assert str(outcome) == "The publisher's thread does not answer"


def test_nothing_is_sent_while_the_broker_is_blocked(
    broker: FakeBroker, publisher: PikaPublisher
) -> None:
    clients: list[Client] = []

    def block(client: Client, arrival: Arrival) -> None:
        clients.append(client)
        client.block("low on disk")
        client.ack(arrival.tag)

    broker.answer = once(block)
    assert publisher.publish([ping("1")], ENOUGH) == [None]

    (outcome,) = publisher.publish([ping("2")], 0.2)
    with ThreadPoolExecutor() as pool:
        held = pool.submit(publisher.publish, [ping("3")], ENOUGH)
        clients[0].unblock()
        assert held.result(ENOUGH) == [None]

    assert isinstance(outcome, BrokerUnavailable)
    assert str(outcome) == (f"127.0.0.1:{broker.port} takes no publications, blocked: disk alarm")
    assert [arrival.id for arrival in broker.arrived] == ["1", "3"]


def test_what_an_interrupted_call_did_not_send_is_not_sent(
    broker: FakeBroker, publisher: PikaPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients: list[Client] = []

    def block(client: Client, arrival: Arrival) -> None:
        clients.append(client)
        client.block("low on memory")
        client.ack(arrival.tag)

    def interrupt(event: threading.Event, timeout: float | None = None) -> bool:
        raise KeyboardInterrupt

    broker.answer = once(block)
    assert publisher.publish([ping("1")], ENOUGH) == [None]

    with monkeypatch.context() as patch:
        patch.setattr(threading.Event, "wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            publisher.publish([ping("interrupted")], ENOUGH)
    clients[0].unblock()

    assert publisher.publish([ping("2")], ENOUGH) == [None]
    assert [arrival.id for arrival in broker.arrived] == ["1", "2"]


# Secrets


def test_the_password_is_read_for_each_connection(
    broker: FakeBroker, make_publisher: OpenPublisher, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("old")
    publisher = make_publisher(f"127.0.0.1:{broker.port}", rabbit_pass_file=file)

    def rotate(client: Client, arrival: Arrival) -> None:
        file.write_text("new")
        client.drop()

    broker.answer = once(rotate)

    assert publisher.publish([ping()], ENOUGH) == [None]
    assert broker.credentials == [b"\0guest\0old", b"\0guest\0new"]


def test_threads_publish_side_by_side(broker: FakeBroker, publisher: PikaPublisher) -> None:
    def publish(thread: int) -> list[list[Exception | None]]:
        return [publisher.publish([ping(f"{thread}.{at}")], ENOUGH) for at in range(50)]

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(publish, range(8)))

    assert outcomes == [[[None]] * 50] * 8
    assert broker.connections == 1
    expected = {f"{thread}.{at}" for thread in range(8) for at in range(50)}
    assert {arrival.id for arrival in broker.arrived} == expected
