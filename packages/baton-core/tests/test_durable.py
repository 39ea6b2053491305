"""The queues of durable commands, and their names."""

from __future__ import annotations

import pytest

from baton.configuration import Configuration
from baton.durable import (
    LONGEST_QUEUE,
    NET,
    dead_exchange,
    dead_letter_topology,
    dead_letters,
    durable_queue,
    expired,
    queue_name,
)
from baton.errors import ConfigurationError
from baton.extension import Extension

PATCH = Extension("baton-patch")
SETTINGS = Configuration(rabbit_url="memory://durable")


def test_names() -> None:
    assert queue_name(PATCH, "web01.example.org", "patch") == "baton-patch.web01.example.org.patch"
    assert dead_letters(PATCH) == "baton-patch.dead-letters"
    assert expired(PATCH) == "baton-patch.expired"
    assert dead_exchange(SETTINGS, PATCH).name == "baton_patch_in_dead"
    assert dead_exchange(Configuration(exchange="mine", interop=True), PATCH).name == "mine_dead"


def test_a_name_may_be_as_long_as_the_tag_of_its_consumer_allows() -> None:
    room = LONGEST_QUEUE - len("baton-patch..")
    assert len(queue_name(PATCH, "f" * (room - 5), "patch")) == LONGEST_QUEUE
    with pytest.raises(
        ConfigurationError, match=r'durable queue.*"baton-patch\.f+.*1 to 245 bytes'
    ):
        queue_name(PATCH, "f" * (room - 4), "patch")


def test_an_exchange_whose_name_leaves_no_room() -> None:
    with pytest.raises(ConfigurationError, match=r'EXCHANGE is too long.*"eee.*255 bytes'):
        dead_exchange(Configuration(exchange="e" * 251), PATCH)
    assert len(dead_exchange(Configuration(exchange="e" * 250), PATCH).name) == 255


@pytest.mark.parametrize("interop", [False, True])
def test_the_durable_queue(interop: bool) -> None:
    settings = Configuration(durable_for=700_000.5, interop=interop)
    queue = durable_queue(settings, PATCH, "q")
    assert (queue.name, queue.durable, queue.exclusive) == ("q", True, False)
    assert queue.arguments == {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
        "x-expires": 700_000_500,
        "x-dead-letter-exchange": "baton_patch_in_dead",
        "x-consumer-timeout": 1_209_600_000,
        "x-delivery-limit": NET,
    }


def test_a_classic_queue_counts_nothing() -> None:
    settings = Configuration(durable_queues="classic")
    assert "x-delivery-limit" not in durable_queue(settings, PATCH, "q").arguments
    letters = dead_letter_topology(settings, PATCH).queues[0]
    assert letters.arguments["x-queue-type"] == "classic"
    assert "x-delivery-limit" not in letters.arguments


def test_the_queues_do_not_depend_on_what_is_changed_often() -> None:
    """Or the broker would refuse the queue that is there."""
    changed = Configuration(handler_timeout=9, expires=9, delivery_limit=9, prefetch=9)
    assert durable_queue(changed, PATCH, "q") == durable_queue(SETTINGS, PATCH, "q")
    assert dead_letter_topology(changed, PATCH) == dead_letter_topology(SETTINGS, PATCH)


def test_letters_are_kept_and_the_expired_are_counted() -> None:
    topology = dead_letter_topology(SETTINGS, PATCH)
    (exchange,) = topology.exchanges
    letters, counted = topology.queues
    assert (exchange.name, exchange.kind, exchange.durable) == (
        "baton_patch_in_dead",
        "headers",
        True,
    )
    assert letters.arguments == {
        "x-queue-type": "quorum",
        "x-max-length": 10_000,
        "x-max-length-bytes": 67_108_864,
        "x-delivery-limit": -1,
    }
    assert counted.arguments == {
        "x-queue-type": "classic",
        "x-max-length": 10_000,
        "x-message-ttl": 86_400_000,
    }
    assert {
        (binding.queue, binding.exchange, binding.arguments["x-first-death-reason"])
        for binding in topology.bindings
    } == {
        (letters.name, exchange.name, "rejected"),
        (letters.name, exchange.name, "delivery_limit"),
        (counted.name, exchange.name, "expired"),
    }
    assert {binding.arguments["x-match"] for binding in topology.bindings} == {"all-with-x"}
