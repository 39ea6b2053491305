"""The API from threads and forks, while the broker restarts."""

from __future__ import annotations

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pika

from baton.errors import BatonError, BrokerUnavailable, PublishTimeout
from baton_ping.api import PingAPI
from brokers.broker import Broker
from brokers.vhost import Vhost

THREADS = 8
COMMANDS = 4_000
PATIENCE = 20
"""Seconds without a message after which none is in the queue any more."""


def _bound_queue(url: str) -> None:
    """A queue that takes every ping and keeps it over a restart: a quorum queue keeps what is
    transient, too."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.exchange_declare("baton_ping_in", "direct", durable=True)
    channel.queue_declare("everything", durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind("everything", "baton_ping_in", "production")
    connection.close()


def _ids(url: str, wanted: set[str]) -> Counter[str]:
    """The message ids in that queue, until all that are *wanted* have come."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1000)
    ids: Counter[str] = Counter()
    missing = set(wanted)
    for method, properties, _ in channel.consume("everything", inactivity_timeout=PATIENCE):
        if method is None:
            break
        ids[str(properties.message_id)] += 1
        missing.discard(str(properties.message_id))
        channel.basic_ack(method.delivery_tag)
        if not missing:
            break
    connection.close()
    return ids


def test_no_returned_id_is_lost_while_the_broker_restarts(rabbitmq: Broker, vhost: Vhost) -> None:
    _bound_queue(vhost.url)
    configuration = vhost.configuration(deadline=30, reconnect_max=0.5)
    under_way = threading.Event()
    outcomes: list[str | BatonError] = []
    lock = threading.Lock()

    def publish(count: int) -> None:
        for number in range(count):
            try:
                outcome: str | BatonError = api.publish(
                    {"type": "ping"}, "production", expires=3600
                )
            except BatonError as error:
                outcome = error
            with lock:
                outcomes.append(outcome)
            if number == count // 10:
                under_way.set()

    with PingAPI(configuration) as api, ThreadPoolExecutor(THREADS) as pool:
        done = [pool.submit(publish, COMMANDS // THREADS) for _ in range(THREADS)]
        assert under_way.wait(30)
        rabbitmq.restart()
        for each in done:
            each.result(60)

    assert len(outcomes) == COMMANDS
    errors = [outcome for outcome in outcomes if isinstance(outcome, BatonError)]
    assert all(isinstance(error, BrokerUnavailable | PublishTimeout) for error in errors), errors
    returned = {outcome for outcome in outcomes if isinstance(outcome, str)}
    assert len(returned) > COMMANDS // 2
    assert returned <= set(_ids(vhost.url, returned))


def test_works_in_parent_and_child_after_a_fork(vhost: Vhost) -> None:
    _bound_queue(vhost.url)
    with PingAPI(vhost.configuration()) as api:
        ids = {api.ping("production")}
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.write(write, "\n".join(api.ping("production") for _ in range(3)).encode())
                code = 0
            finally:
                os._exit(code)
        ids |= {api.ping("production") for _ in range(3)}
        os.close(write)
        with os.fdopen(read) as pipe:
            ids |= set(pipe.read().split())
        assert os.waitpid(pid, 0)[1] == 0
        ids.add(api.ping("production"))
    assert len(ids) == 8
    assert _ids(vhost.url, ids) == Counter(ids)  # the last to be sent is the last in the queue
