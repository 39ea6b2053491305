"""Transports to a :class:`Peer`, and what they hear."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from amqp.peer import Peer
from baton.configuration import Configuration
from baton.transports.rabbitmq import RabbitTransport
from integration.recorder import Recorder


@asynccontextmanager
async def session(peer: Peer) -> AsyncIterator[tuple[RabbitTransport, Recorder]]:
    """A transport to *peer*, open until the end of the block."""
    configuration = Configuration(rabbit_url=f"amqp://guest:guest@127.0.0.1:{peer.port}/")
    recorder = Recorder()
    transport = RabbitTransport(configuration, configuration.endpoints[0], recorder, "test")
    await transport.open()
    try:
        yield transport, recorder
    finally:
        await transport.close()
