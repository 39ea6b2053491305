"""A broker in this process, with a transport and a publisher: for tests and demonstrations.

It behaves as RabbitMQ does in what Baton uses of it: direct exchanges, exclusive queues, expiry,
prefetch, redelivery, mandatory publications and sender-selected distribution. The same contract
tests run against both. It can be broken like a real one, too: :meth:`MemoryBroker.disconnect`,
:meth:`MemoryBroker.delete_queue`, :meth:`MemoryBroker.block` and their like.
"""

from __future__ import annotations

from baton.transports.memory.broker import MemoryBroker, forget_memory_broker, memory_broker
from baton.transports.memory.publisher import MemoryPublisher
from baton.transports.memory.transport import MemoryTransport

__all__ = [
    "MemoryBroker",
    "MemoryPublisher",
    "MemoryTransport",
    "forget_memory_broker",
    "memory_broker",
]
