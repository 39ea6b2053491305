"""Baton's terms in aiormq's: an envelope as AMQP properties, and the way back; a topology as the
requests that assert it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pamqp.base import Frame
from pamqp.commands import Basic, Exchange, Queue

from baton.message import Envelope

if TYPE_CHECKING:
    from baton.transports.base import Topology

_COUNT_HEADER: Final = "x-delivery-count"


def properties_of(envelope: Envelope) -> Basic.Properties:
    """*envelope* as AMQP has it: whole seconds, and an expiry in milliseconds as a string."""
    timestamp = envelope.timestamp
    return Basic.Properties(
        content_type=envelope.content_type,
        headers=dict(envelope.headers) if envelope.headers else None,
        delivery_mode=2 if envelope.persistent else 1,
        correlation_id=envelope.correlation_id,
        reply_to=envelope.reply_to,
        expiration=envelope.expiration,
        message_id=envelope.message_id,
        timestamp=None if timestamp is None else datetime.fromtimestamp(timestamp, UTC),
        user_id=envelope.user_id,
        app_id=envelope.app_id,
    )


def envelope_of(properties: Basic.Properties) -> Envelope:
    """The envelope that *properties* are; what is missing there is None."""
    timestamp, expiration = properties.timestamp, properties.expiration
    return Envelope(
        message_id=properties.message_id,
        correlation_id=properties.correlation_id,
        reply_to=properties.reply_to,
        timestamp=None if timestamp is None else timestamp.timestamp(),
        expires=int(expiration) / 1000 if expiration and expiration.isdecimal() else None,
        user_id=properties.user_id,
        app_id=properties.app_id,
        content_type=properties.content_type,
        persistent=properties.delivery_mode == 2,
        headers=properties.headers or {},
    )


def delivery_count(headers: Mapping[str, Any] | None, redelivered: bool | None) -> int:
    """How often a message with these *headers* was delivered in vain; a classic queue does not
    count it. What a client put there itself may be anything, and a quorum queue leaves it there
    until it counts."""
    count = (headers or {}).get(_COUNT_HEADER) if redelivered else 0
    return count if isinstance(count, int) and count > 0 else 0


def requests_for(topology: Topology) -> Iterator[Frame]:
    """What asserts *topology*, in order, none of which is answered."""
    for exchange in topology.exchanges:
        yield Exchange.Declare(
            exchange=exchange.name,
            exchange_type=exchange.kind,
            durable=exchange.durable,
            nowait=True,
        )
    for queue in topology.queues:
        yield Queue.Declare(
            queue=queue.name,
            durable=queue.durable,
            exclusive=queue.exclusive,
            nowait=True,
            arguments=dict(queue.arguments),
        )
    for binding in topology.bindings:
        yield Queue.Bind(
            queue=binding.queue,
            exchange=binding.exchange,
            routing_key=binding.key,
            nowait=True,
            arguments=dict(binding.arguments),
        )
