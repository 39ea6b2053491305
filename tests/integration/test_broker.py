"""The broker that the other tests here rely on: what the harness does to it really happens."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPConnectionError, ConnectionClosedByBroker

from brokers import Broker, ManagementError, Vhost
from brokers.container import ContainerBroker
from brokers.ports import speaks_amqp
from brokers.waiting import wait_until


@pytest.fixture
def channel(vhost: Vhost) -> Iterator[BlockingChannel]:
    with connect(vhost) as channel:
        yield channel


@contextmanager
def connect(vhost: Vhost) -> Iterator[BlockingChannel]:
    connection = pika.BlockingConnection(pika.URLParameters(vhost.url))
    try:
        yield connection.channel()
    finally:
        if connection.is_open:
            connection.close()


def test_it_is_rabbitmq_4(rabbitmq: Broker) -> None:
    version = rabbitmq.management.request("GET", "overview")["rabbitmq_version"]
    assert version.startswith("4.")


def test_a_vhost_is_empty(vhost: Vhost) -> None:
    assert vhost.name.startswith("test-a-vhost-is-empty-")
    assert vhost.queues() == vhost.exchanges() == vhost.bindings() == vhost.connections() == []
    assert vhost.configuration(environment="Test").rabbit_vhost == vhost.name


def test_a_vhost_tells_what_is_in_it(vhost: Vhost, channel: BlockingChannel) -> None:
    channel.exchange_declare("in", durable=True)
    channel.queue_declare("q", exclusive=True)
    channel.queue_bind("q", "in", "key")

    assert [queue["name"] for queue in vhost.queues()] == ["q"]
    assert [exchange["name"] for exchange in vhost.exchanges()] == ["in"]
    (binding,) = vhost.bindings()
    assert (binding["source"], binding["destination"], binding["routing_key"]) == ("in", "q", "key")

    vhost.delete_queue("q")
    vhost.delete_exchange("in")
    vhost.delete_exchange("in")  # what is gone already is no error
    assert vhost.queues() == vhost.exchanges() == vhost.bindings() == []


def test_closes_connections(vhost: Vhost, channel: BlockingChannel) -> None:
    vhost.close_connections()
    with pytest.raises(ConnectionClosedByBroker):
        channel.connection.process_data_events(5)


def test_is_reached_with_little_in_between(vhost: Vhost) -> None:
    """In a container that is its own address, where that can be reached."""
    nearest = vhost.broker.url(vhost.name, hosts=vhost.broker.nearest)
    parameters = pika.URLParameters(nearest)
    connection = pika.BlockingConnection(parameters)
    try:
        connection.channel().queue_declare("near", exclusive=True)
        assert [queue["name"] for queue in vhost.queues()] == ["near"]
    finally:
        connection.close()
    assert parameters.host == vhost.broker.host or isinstance(vhost.broker, ContainerBroker)


def test_denies_transient_queues_that_are_not_exclusive(channel: BlockingChannel) -> None:
    with pytest.raises(ConnectionClosedByBroker) as caught:
        channel.queue_declare("q")
    assert caught.value.reply_code == 541


def test_has_a_raised_file_limit(rabbitmq: Broker) -> None:
    limit = rabbitmq.rabbitmqctl("eval", 'string:trim(os:cmd("ulimit -n")).')
    assert int(limit.strip().strip('"')) > 4096


def test_management_errors_say_what_was_refused(rabbitmq: Broker) -> None:
    with pytest.raises(ManagementError, match=r"GET /api/vhosts/no%2Fsuch: 404") as caught:
        rabbitmq.management.request("GET", "vhosts", "no/such")
    assert caught.value.status == 404


def test_pause_freezes_and_unpause_goes_on(rabbitmq: Broker, channel: BlockingChannel) -> None:
    address = (rabbitmq.host, rabbitmq.port)
    with rabbitmq.paused(), socket.create_connection(address, timeout=1) as frozen:
        frozen.sendall(b"AMQP\x00\x00\x09\x01")
        with pytest.raises(TimeoutError):
            frozen.recv(1)
    assert channel.queue_declare("q", exclusive=True).method.queue == "q"


def test_restart_keeps_the_ports_and_what_is_durable(rabbitmq: Broker, vhost: Vhost) -> None:
    url = vhost.url
    with connect(vhost) as before:
        before.queue_declare("q", durable=True)

        rabbitmq.restart()

        with pytest.raises(AMQPConnectionError):
            before.connection.process_data_events(5)
    assert vhost.url == url
    with connect(vhost) as after:
        assert after.queue_declare("q", passive=True).method.message_count == 0


def test_kill_and_start(rabbitmq: Broker) -> None:
    rabbitmq.kill()
    assert not speaks_amqp(rabbitmq.host, rabbitmq.port)

    rabbitmq.start()
    assert speaks_amqp(rabbitmq.host, rabbitmq.port)


@pytest.mark.parametrize("alarm", [Broker.memory_alarm, Broker.disk_alarm])
def test_an_alarm_blocks_publishers(
    rabbitmq: Broker,
    channel: BlockingChannel,
    alarm: Callable[[Broker], AbstractContextManager[None]],
) -> None:
    blocked: list[bool] = []
    channel.connection.add_on_connection_blocked_callback(lambda *_: blocked.append(True))
    channel.connection.add_on_connection_unblocked_callback(lambda *_: blocked.append(False))

    def is_told(state: bool) -> bool:
        channel.connection.process_data_events(0.1)
        return blocked[-1:] == [state]

    with alarm(rabbitmq):
        channel.basic_publish("", "nowhere", b"")
        assert wait_until(lambda: is_told(True), 10)
    assert wait_until(lambda: is_told(False), 10)
