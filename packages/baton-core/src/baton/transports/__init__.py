"""Transports: the one seam to a broker, and what stands behind it.

``amqp://`` and ``amqps://`` go to RabbitMQ, by aio-pika or pika; ``memory://`` stays in this
process. Neither client library is imported before it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.transports.base import (
    MAX_MESSAGE_SIZE,
    Binding,
    Delivery,
    Exchange,
    Publication,
    Publisher,
    Queue,
    Topology,
    Transport,
    TransportListener,
)

if TYPE_CHECKING:
    from baton.broker_url import Endpoint
    from baton.configuration import Configuration

__all__ = [
    "MAX_MESSAGE_SIZE",
    "Binding",
    "Delivery",
    "Exchange",
    "Publication",
    "Publisher",
    "Queue",
    "Topology",
    "Transport",
    "TransportListener",
    "open_publisher",
    "open_transport",
]


def open_transport(
    configuration: Configuration, endpoint: Endpoint, listener: TransportListener, name: str
) -> Transport:
    """A transport to *endpoint*, not opened yet.

    *name* is what the broker shows for the connection. *listener* hears from it.
    """
    if configuration.rabbit_scheme == "memory":
        from baton.transports.memory import MemoryTransport, memory_broker  # noqa: PLC0415

        return MemoryTransport(memory_broker(endpoint.host), listener)
    from baton.transports.rabbitmq import RabbitTransport  # noqa: PLC0415

    return RabbitTransport(configuration, endpoint, listener, name)


def open_publisher(configuration: Configuration, name: str) -> Publisher:
    """A publisher to the hosts of *configuration*, connected at its first publish.

    *name* is what the broker shows for the connection.
    """
    if configuration.rabbit_scheme == "memory":
        from baton.transports.memory import MemoryPublisher, memory_broker  # noqa: PLC0415

        return MemoryPublisher(memory_broker(configuration.endpoints[0].host))
    from baton.transports.publisher import PikaPublisher  # noqa: PLC0415

    return PikaPublisher(configuration, name)
