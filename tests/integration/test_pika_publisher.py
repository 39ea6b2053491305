"""The pika publisher on a real broker, and through what may happen to it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pika
import pytest

from baton.configuration import Configuration
from baton.errors import (
    AuthenticationFailed,
    BrokerError,
    BrokerUnavailable,
    MessageError,
    NotPermitted,
    PublishTimeout,
    Unroutable,
)
from baton.message import Envelope, new_id
from baton.transports import Publication
from baton.transports.publisher import PikaPublisher
from brokers.waiting import wait_until

if TYPE_CHECKING:
    from brokers.broker import Broker
    from brokers.vhost import Vhost

EXCHANGE = "publisher_in"
QUEUE = "publisher.server"
KEY = "production"
BODY = b'{"type":"ping"}'
ENOUGH = 50.0
"""Seconds that what works never takes."""
SLACK = 4.0
"""Seconds that a busy machine may add; what waits for something else takes longer."""
THREADS = 8
PACE = 0.02
"""Seconds between two batches of a thread, so that what reached the queue can be read again."""

OpenPublisher = Callable[..., PikaPublisher]
Arrived = tuple[Any, Any, bytes]
"""A message as pika gives it: method, properties, body."""


@pytest.fixture
def server(vhost: Vhost) -> Server:
    """A queue that takes what is published to ``KEY``."""
    durable = {"type": "direct", "durable": True}
    vhost.api.request("PUT", "exchanges", vhost.name, EXCHANGE, body=durable)
    vhost.api.request("PUT", "queues", vhost.name, QUEUE, body={"durable": True})
    vhost.api.request(
        "POST", "bindings", vhost.name, "e", EXCHANGE, "q", QUEUE, body={"routing_key": KEY}
    )
    return Server(vhost)


class Server:
    """What reached the queue."""

    def __init__(self, vhost: Vhost) -> None:
        self._vhost = vhost

    def count(self) -> int:
        """How many messages wait in the queue."""
        with closing(pika.BlockingConnection(pika.URLParameters(self._vhost.url))) as connection:
            declared = connection.channel().queue_declare(QUEUE, passive=True)
            return int(declared.method.message_count)

    def messages(self) -> list[Arrived]:
        """All that waits in the queue, which is empty afterwards."""
        count = self.count()
        with closing(pika.BlockingConnection(pika.URLParameters(self._vhost.url))) as connection:
            deliveries = connection.channel().consume(QUEUE, auto_ack=True) if count else iter(())
            return list(islice(deliveries, count))

    def ids(self) -> list[str]:
        """The message ids of all that waits in the queue, which is empty afterwards."""
        return [properties.message_id for _, properties, _ in self.messages()]


@pytest.fixture
def open_publisher(vhost: Vhost, request: pytest.FixtureRequest) -> Iterator[OpenPublisher]:
    """Makes publishers named after the test, and closes them."""
    opened: list[PikaPublisher] = []

    def make(**settings: Any) -> PikaPublisher:
        broker = vhost.broker
        reach: dict[str, Any] = {
            "rabbit_host": broker.host,
            "rabbit_port": broker.port,
            "rabbit_user": broker.user,
            "rabbit_pass": broker.password,
            "rabbit_vhost": vhost.name,
        }
        publisher = PikaPublisher(Configuration(**reach | settings), request.node.name)
        opened.append(publisher)
        return publisher

    yield make
    for publisher in opened:
        publisher.close()


@pytest.fixture
def publisher(open_publisher: OpenPublisher) -> PikaPublisher:
    return open_publisher()


def ping(key: str = KEY, exchange: str = EXCHANGE, **envelope: Any) -> Publication:
    envelope.setdefault("message_id", new_id())
    return Publication(0, exchange, key, BODY, Envelope(**envelope), mandatory=True)


def pings(count: int) -> list[Publication]:
    return [ping() for _ in range(count)]


def ids(publications: Sequence[Publication]) -> list[str | None]:
    return [publication.envelope.message_id for publication in publications]


class Crowd:
    """Threads that publish small batches, one after another, until the ``with`` block ends."""

    def __init__(self, publisher: PikaPublisher, timeout: float) -> None:
        self._publisher = publisher
        self._timeout = timeout
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(THREADS)
        self.outcomes: dict[str, Exception | None] = {}
        self.slowest = 0.0
        self._threads = [self._pool.submit(self._publish) for _ in range(THREADS)]

    def confirmed(self) -> set[str]:
        return {each for each, outcome in self.outcomes.copy().items() if outcome is None}

    def until_confirmed(self, more: int) -> None:
        """Go on until so many *more* are confirmed than now."""
        goal = len(self.confirmed()) + more
        assert wait_until(lambda: len(self.confirmed()) >= goal, ENOUGH), self.outcomes

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        # In any case: the interpreter does not end before they do.
        self._stop.set()
        self._pool.shutdown()
        for thread in self._threads:
            thread.result()

    def _publish(self) -> None:
        while not self._stop.is_set():
            batch = [ping(persistent=True) for _ in range(10)]
            started = time.monotonic()
            outcomes = self._publisher.publish(batch, self._timeout)
            self.slowest = max(self.slowest, time.monotonic() - started)
            for each, outcome in zip(batch, outcomes, strict=True):
                self.outcomes[str(each.envelope.message_id)] = outcome
            self._stop.wait(PACE)


# What becomes of a publication


def test_confirms_what_a_queue_takes(server: Server, publisher: PikaPublisher) -> None:
    envelope = Envelope(
        message_id="m",
        correlation_id="c",
        reply_to="r",
        timestamp=1_700_000_000.75,
        expires=60.5,
        user_id="guest",
        app_id="baton",
        persistent=True,
        headers={"baton-version": 1, "baton-target": ("a", "b"), "end": {"outputs": 2}},
    )

    outcomes = publisher.publish([Publication(0, EXCHANGE, KEY, BODY, envelope, True)], ENOUGH)

    assert outcomes == [None]
    ((method, properties, body),) = server.messages()
    assert body == BODY
    assert method.routing_key == KEY
    assert {name: value for name, value in vars(properties).items() if value is not None} == {
        "app_id": "baton",
        "content_type": "application/json",
        "correlation_id": "c",
        "delivery_mode": 2,
        "expiration": "60500",
        "headers": {"baton-version": 1, "baton-target": ["a", "b"], "end": {"outputs": 2}},
        "message_id": "m",
        "reply_to": "r",
        "timestamp": 1_700_000_000,
        "user_id": "guest",
    }


def test_a_publication_that_is_not_mandatory_is_confirmed_without_a_queue(
    server: Server, publisher: PikaPublisher
) -> None:
    lonely = Publication(0, EXCHANGE, "nobody", BODY, Envelope(message_id="m"))
    assert publisher.publish([lonely], ENOUGH) == [None]


def test_names_each_target_that_nobody_listens_on(server: Server, publisher: PikaPublisher) -> None:
    same = new_id()
    targets = [KEY, "staging", KEY, "test", "staging"]

    outcomes = publisher.publish([ping(key, message_id=same) for key in targets], ENOUGH)

    unroutable = [error.keys if isinstance(error, Unroutable) else error for error in outcomes]
    assert unroutable == [None, ("staging",), None, ("test",), ("staging",)]
    assert str(outcomes[1]) == f'No server listens on "staging" (exchange {EXCHANGE})'
    assert server.ids() == [same, same]


def test_many_are_under_way_at_once_and_keep_their_order(
    server: Server, publisher: PikaPublisher
) -> None:
    batch = [ping("nobody" if number % 100 == 7 else KEY) for number in range(5_000)]

    outcomes = publisher.publish(batch, ENOUGH)

    for publication, outcome in zip(batch, outcomes, strict=True):
        if publication.routing_key == KEY:
            assert outcome is None
        else:
            assert isinstance(outcome, Unroutable)
    assert server.ids() == ids([each for each in batch if each.routing_key == KEY])


def test_a_missing_exchange_harms_no_neighbour(server: Server, publisher: PikaPublisher) -> None:
    batch = [
        ping(),
        ping("nobody"),
        ping(exchange="missing_in"),
        ping("nobody"),
        ping(),
        ping(exchange="other_missing_in"),
        ping(exchange="missing_in"),
        ping(),
    ]
    started = time.monotonic()

    outcomes = publisher.publish(batch, ENOUGH)

    assert time.monotonic() - started < ENOUGH / 4
    exchanges = [error.exchange if isinstance(error, Unroutable) else error for error in outcomes]
    assert exchanges == [
        None,
        EXCHANGE,
        "missing_in",
        EXCHANGE,
        None,
        "other_missing_in",
        "missing_in",
        None,
    ]
    assert str(outcomes[2]).endswith("no service has connected yet, the exchange does not exist")
    assert set(server.ids()) == set(ids([batch[0], batch[4], batch[7]]))


def test_an_exchange_that_was_missing_is_found_once_it_exists(
    vhost: Vhost, publisher: PikaPublisher
) -> None:
    (first,) = publisher.publish([ping()], ENOUGH)
    vhost.api.request("PUT", "exchanges", vhost.name, EXCHANGE, body={"type": "direct"})
    (second,) = publisher.publish([ping()], ENOUGH)

    assert "the exchange does not exist" in str(first)
    assert "the exchange does not exist" not in str(second)
    assert isinstance(second, Unroutable)


def test_the_broker_verifies_the_name_of_the_user(server: Server, publisher: PikaPublisher) -> None:
    batch = [ping(user_id="guest"), ping(user_id="joe"), ping(), ping(user_id="joe")]

    outcomes = publisher.publish(batch, ENOUGH)

    assert [type(outcome) for outcome in outcomes[1::2]] == [NotPermitted] * 2
    assert 'in the name of "joe" from user "guest": RABBIT_USER_ID' in str(outcomes[1])
    assert outcomes[::2] == [None, None]
    assert set(server.ids()) == set(ids(batch[::2]))


def test_an_exchange_that_the_user_may_not_write_to(
    server: Server, vhost: Vhost, open_publisher: OpenPublisher
) -> None:
    user = f"reader-{vhost.name}"
    vhost.api.create_user(user, "secret")
    try:
        vhost.api.set_permissions(user, vhost.name, configure="", write=f"^{EXCHANGE}$", read="")
        publisher = open_publisher(rabbit_user=user, rabbit_pass="secret")
        outcomes = publisher.publish([ping(), ping(exchange="amq.direct"), ping()], ENOUGH)
    finally:
        vhost.api.delete_user(user)

    assert outcomes[::2] == [None, None]
    assert isinstance(outcomes[1], NotPermitted)
    assert f"write access to exchange 'amq.direct' in vhost '{vhost.name}'" in str(outcomes[1])


@pytest.mark.parametrize(
    ("headers", "kind", "reason"),
    [
        pytest.param({"BCC": "no list"}, BrokerError, "PRECONDITION_FAILED", id="by-the-broker"),
        pytest.param(
            {"x": ["y" * 100] * 2_000}, MessageError, "Properties of 2", id="larger-than-a-frame"
        ),
    ],
)
def test_a_message_that_is_refused_harms_no_other(
    server: Server,
    publisher: PikaPublisher,
    headers: Mapping[str, Any],
    kind: type[Exception],
    reason: str,
) -> None:
    """The broker closes the channel, and does not name it; what is no frame is not sent at all."""
    batch = [*pings(20), ping(headers=headers), *pings(20), ping(headers=headers), *pings(20)]

    outcomes = publisher.publish(batch, ENOUGH)

    refused = {at: str(error) for at, error in enumerate(outcomes) if error is not None}
    assert list(refused) == [20, 41]
    assert all(isinstance(outcomes[at], kind) for at in refused)
    assert all(reason in text for text in refused.values())
    assert set(server.ids()) == set(ids(batch)) - {batch[20].envelope.message_id} - {
        batch[41].envelope.message_id
    }
    assert publisher.publish([ping()], ENOUGH) == [None]


def test_a_full_queue_refuses(vhost: Vhost, server: Server, publisher: PikaPublisher) -> None:
    body = {
        "pattern": ".*",
        "definition": {"max-length": 1, "overflow": "reject-publish"},
        "apply-to": "queues",
    }
    vhost.api.request("PUT", "policies", vhost.name, "full", body=body)
    assert wait_until(lambda: publisher.publish([ping()], ENOUGH) != [None], ENOUGH)

    (outcome,) = publisher.publish([ping()], ENOUGH)

    assert type(outcome) is BrokerError
    assert "one is full" in str(outcome)


# Connecting


def test_a_wrong_password_is_said_at_once_and_never_shown(
    vhost: Vhost, open_publisher: OpenPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    publisher = open_publisher(rabbit_pass="not-the-password")
    started = time.monotonic()

    (outcome,) = publisher.publish([ping()], ENOUGH)

    assert time.monotonic() - started < ENOUGH / 4
    assert isinstance(outcome, AuthenticationFailed)
    where = vhost.configuration().endpoints[0]
    assert str(outcome) == f'{where} refused the user "guest": wrong user or password'
    assert "not-the-password" not in caplog.text + repr(outcome) + repr(vars(publisher))


def test_a_missing_virtual_host_is_said_at_once(open_publisher: OpenPublisher) -> None:
    (outcome,) = open_publisher(rabbit_vhost="missing").publish([ping()], ENOUGH)

    assert isinstance(outcome, AuthenticationFailed)
    assert 'refused the vhost "missing" to the user "guest"' in str(outcome)


def test_a_password_that_was_changed_is_read_again(
    vhost: Vhost, server: Server, open_publisher: OpenPublisher, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("wrong")
    publisher = open_publisher(rabbit_pass_file=file, reconnect_max=0.1)
    (first,) = publisher.publish([ping()], ENOUGH)
    file.write_text(vhost.broker.password + "\n")
    (second,) = publisher.publish([ping()], ENOUGH)

    assert isinstance(first, AuthenticationFailed)
    assert second is None


def test_the_hosts_of_a_pool_are_tried_in_turn(
    vhost: Vhost, server: Server, open_publisher: OpenPublisher
) -> None:
    broker = vhost.broker
    hosts = f"127.0.0.1:1,127.0.0.1:2,{broker.host}:{broker.port}"

    # Each starts at a random host.
    outcomes = [open_publisher(rabbit_host=hosts).publish([ping()], ENOUGH) for _ in range(5)]

    assert outcomes == [[None]] * 5


def test_an_idle_connection_lives(
    vhost: Vhost, server: Server, open_publisher: OpenPublisher
) -> None:
    publisher = open_publisher(rabbit_heartbeat=1)
    assert publisher.publish([ping()], ENOUGH) == [None]
    assert wait_until(vhost.connections, ENOUGH)
    (before,) = vhost.connections()

    # The broker has heard something for longer than it takes it to give up a silent client.
    def has_heard() -> bool:
        return bool(vhost.connections()[0]["recv_oct"] > before["recv_oct"] + 4 * HEARTBEAT_SIZE)

    assert wait_until(has_heard, ENOUGH)
    assert publisher.publish([ping()], ENOUGH) == [None]
    (after,) = vhost.connections()
    assert after["name"] == before["name"]
    assert after["client_properties"]["connection_name"] == "test_an_idle_connection_lives"


HEARTBEAT_SIZE = 8


# What may happen to a broker


def test_nothing_confirmed_is_lost_when_the_broker_closes_connections(
    vhost: Vhost, server: Server, publisher: PikaPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "baton")
    with Crowd(publisher, timeout=ENOUGH) as crowd:
        for _ in range(3):
            crowd.until_confirmed(100)
            vhost.close_connections()
        crowd.until_confirmed(100)

    assert set(crowd.outcomes.values()) == {None}
    assert set(server.ids()) == crowd.confirmed()
    losses = [record.getMessage() for record in caplog.records if "baton" in record.name]
    assert losses
    assert all("lost its connection to" in line for line in losses)


def test_nothing_confirmed_is_lost_when_the_broker_restarts(
    rabbitmq: Broker, server: Server, publisher: PikaPublisher
) -> None:
    with Crowd(publisher, timeout=ENOUGH) as crowd:
        crowd.until_confirmed(100)
        rabbitmq.restart()
        crowd.until_confirmed(100)

    assert crowd.slowest < ENOUGH + 1
    assert len(crowd.outcomes) > len(crowd.confirmed()) * 0.9
    assert crowd.confirmed() <= set(server.ids())


def test_a_broker_that_is_gone_is_waited_for_until_the_deadline(
    rabbitmq: Broker, server: Server, publisher: PikaPublisher
) -> None:
    assert publisher.publish([ping()], ENOUGH) == [None]
    rabbitmq.stop()
    started = time.monotonic()
    (outcome,) = publisher.publish([ping()], 1.0)
    took = time.monotonic() - started
    rabbitmq.start()

    assert isinstance(outcome, BrokerUnavailable)
    assert "connection refused" in str(outcome)
    assert 1.0 <= took < 1.0 + SLACK
    assert publisher.publish([ping()], ENOUGH) == [None]


def test_a_frozen_broker_costs_no_more_than_the_timeout(
    rabbitmq: Broker, server: Server, open_publisher: OpenPublisher
) -> None:
    publisher = open_publisher(deadline=1.0)
    before, during, after = pings(3)
    unsent: list[Publication] = []
    assert publisher.publish([before], ENOUGH) == [None]

    def is_given_up() -> bool:
        (publication,) = pings(1)
        (outcome,) = publisher.publish([publication], 0.2)
        if isinstance(outcome, BrokerUnavailable):
            unsent.append(publication)
        return bool(unsent)

    with rabbitmq.paused():
        started = time.monotonic()
        (unknown,) = publisher.publish([during], 0.5)
        took = time.monotonic() - started
        # Once it was silent for the whole deadline, nothing more is sent to it.
        assert wait_until(is_given_up, ENOUGH)

    assert isinstance(unknown, PublishTimeout)
    assert "the outcome is unknown, the command may still arrive" in str(unknown)
    assert 0.5 <= took < 0.5 + SLACK
    assert publisher.publish([after], ENOUGH) == [None]
    arrived = set(server.ids())
    assert arrived >= set(ids([before, after]))
    assert not arrived & set(ids(unsent))


def test_a_blocked_broker_is_not_sent_to(
    rabbitmq: Broker, server: Server, publisher: PikaPublisher
) -> None:
    before, first, held, after = pings(4)
    assert publisher.publish([before], ENOUGH) == [None]
    with rabbitmq.memory_alarm():
        # The broker says that it is blocked when it is first published to, not before.
        (unknown,) = publisher.publish([first], 0.5)
        started = time.monotonic()
        (unsent,) = publisher.publish([held], 0.5)
        took = time.monotonic() - started

    assert isinstance(unknown, PublishTimeout)
    assert isinstance(unsent, BrokerUnavailable)
    assert "takes no publications, blocked: memory alarm" in str(unsent)
    assert 0.5 <= took < 0.5 + SLACK
    assert publisher.publish([after], ENOUGH) == [None]
    # What was called unknown did arrive, what was called unsent did not.
    assert server.ids() == ids([before, first, after])


def test_what_is_held_while_blocked_is_sent_when_the_alarm_clears(
    rabbitmq: Broker, server: Server, publisher: PikaPublisher
) -> None:
    first, held = pings(2)
    assert publisher.publish([ping()], ENOUGH) == [None]
    with ThreadPoolExecutor() as pool, rabbitmq.memory_alarm():
        assert isinstance(publisher.publish([first], 0.5)[0], PublishTimeout)
        waiting = pool.submit(publisher.publish, [held], ENOUGH)
        rabbitmq.set_memory_alarm(False)
        assert waiting.result(ENOUGH) == [None]
    assert held.envelope.message_id in server.ids()


# Processes and threads


forks = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"
)


@forks
def test_parent_and_child_each_publish_on_a_connection_of_their_own(
    vhost: Vhost, server: Server, publisher: PikaPublisher
) -> None:
    in_child, in_parent = pings(2)
    with Crowd(publisher, timeout=ENOUGH) as crowd:
        crowd.until_confirmed(100)
        children = [fork(lambda: publish_in_child(publisher, in_child)) for _ in range(5)]
        crowd.until_confirmed(100)
        statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        crowd.until_confirmed(100)

    assert statuses == [0] * len(children)
    assert set(crowd.outcomes.values()) == {None}
    assert publisher.publish([in_parent], ENOUGH) == [None]
    arrived = server.ids()
    assert arrived.count(str(in_child.envelope.message_id)) == len(children)
    assert arrived.count(str(in_parent.envelope.message_id)) == 1
    # The children used up nothing of the parent's: one connection did all of this.
    assert wait_until(lambda: len(vhost.connections()) == 1, ENOUGH)


def publish_in_child(publisher: PikaPublisher, publication: Publication) -> int:
    if publisher.publish([publication], ENOUGH) != [None]:
        return 1
    publisher.close()
    return 0


def fork(job: Callable[[], int]) -> int:
    """Run *job* in a child; its process id. *job* returns the exit status."""
    child = os.fork()
    if child == 0:
        status = 2
        try:
            status = job()
        finally:
            os._exit(status)
    return child


@forks
def test_a_child_of_a_closed_publisher_is_closed(publisher: PikaPublisher) -> None:
    publisher.close()
    child = fork(lambda: int(publisher.publish([ping()], 1.0) == [None]))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_close_gives_what_is_pending_its_outcome_first(
    vhost: Vhost, server: Server, publisher: PikaPublisher
) -> None:
    batch = pings(20_000)
    with ThreadPoolExecutor() as pool:
        pending = pool.submit(publisher.publish, batch, ENOUGH)
        assert wait_until(lambda: server.count() > 0, ENOUGH)
        publisher.close()
        outcomes = pending.result(ENOUGH)

    assert outcomes == [None] * len(batch)
    assert wait_until(lambda: not vhost.connections(), ENOUGH)
    (outcome,) = publisher.publish([ping()], ENOUGH)
    assert isinstance(outcome, BrokerUnavailable)
    assert str(outcome) == "The publisher is closed"
    publisher.close()


def test_close_of_a_frozen_broker_has_a_deadline(
    rabbitmq: Broker, server: Server, open_publisher: OpenPublisher
) -> None:
    publisher = open_publisher(deadline=0.5, rabbit_heartbeat=0)
    assert publisher.publish([ping()], ENOUGH) == [None]
    with rabbitmq.paused():
        started = time.monotonic()
        publisher.close()
        took = time.monotonic() - started

    assert 0.5 <= took < 0.5 + SLACK


def test_a_script_that_does_not_close_ends_at_once_and_in_silence(
    vhost: Vhost, server: Server
) -> None:
    script = f"""
import baton.message, baton.transports
from baton.configuration import Configuration
publisher = baton.transports.open_publisher(Configuration(rabbit_url={vhost.url!r}), "script")
envelope = baton.message.Envelope(message_id="m")
publication = baton.transports.Publication(0, {EXCHANGE!r}, {KEY!r}, b"{{}}", envelope, True)
print(publisher.publish([publication], 10))
"""
    run = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script],
        capture_output=True,
        text=True,
        timeout=ENOUGH,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "[None]\n", "")
