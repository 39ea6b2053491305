from __future__ import annotations

from typing import Any

import pytest
from pamqp import commands

from baton.transports import Binding, Exchange, Queue, Topology
from baton.transports.rabbitmq_terms import delivery_count, requests_for


@pytest.mark.parametrize(
    ("headers", "count"),
    [
        (None, 0),
        ({}, 0),
        ({"x-delivery-count": 3}, 3),
        ({"x-delivery-count": -1}, 0),
        ({"x-delivery-count": "99"}, 0),
        ({"x-delivery-count": [1]}, 0),
    ],
)
def test_what_a_broker_counts_and_what_a_client_may_say(
    headers: dict[str, Any] | None, count: int
) -> None:
    assert delivery_count(headers, True) == count
    assert delivery_count(headers, False) == 0


def test_a_topology_is_asserted_in_order_and_nothing_is_answered() -> None:
    topology = Topology(
        exchanges=[Exchange("in"), Exchange("picks", durable=False, kind="headers")],
        queues=[Queue("mine", arguments={"x-queue-type": "classic"}), Queue("kept", True, False)],
        bindings=[Binding("mine", "in", ""), Binding("mine", "picks", "key", {"x-match": "any"})],
    )
    asked = [dict(request) for request in requests_for(topology)]
    assert asked == [
        dict(request)
        for request in (
            commands.Exchange.Declare(exchange="in", durable=True, nowait=True),
            commands.Exchange.Declare(exchange="picks", exchange_type="headers", nowait=True),
            commands.Queue.Declare(
                queue="mine",
                exclusive=True,
                nowait=True,
                arguments={"x-queue-type": "classic"},
            ),
            commands.Queue.Declare(queue="kept", durable=True, nowait=True, arguments={}),
            commands.Queue.Bind(queue="mine", exchange="in", nowait=True, arguments={}),
            commands.Queue.Bind(
                queue="mine",
                exchange="picks",
                routing_key="key",
                nowait=True,
                arguments={"x-match": "any"},
            ),
        )
    ]
