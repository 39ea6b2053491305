"""Baton's transport alone, without consumers, outbox and log: what the rest of Baton adds shows
beside it. With BENCH_WAY=plain it takes the slow way through aio-pika's public API."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from baton.configuration import Configuration
from baton.message import Envelope, new_id
from baton.transports import (
    Binding,
    Delivery,
    Exchange,
    Publication,
    Queue,
    Topology,
    Transport,
    TransportListener,
    open_transport,
    rabbitmq,
)
from peers.contract import PREFETCH, Contract, answer, contract, ready


class Echo(TransportListener):
    """Numbers of pongs are those of the pings' deliveries."""

    def __init__(self, exchange: str) -> None:
        self.consuming: Transport
        self.publishing: Transport
        self._exchange = exchange
        self._number = 0
        self._open: dict[int, Delivery] = {}

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        pongs = []
        for delivery in deliveries:
            self._number += 1
            self._open[self._number] = delivery
            envelope = Envelope(correlation_id=delivery.envelope.message_id, persistent=True)
            body = answer(delivery.body)
            pongs.append(Publication(self._number, self._exchange, "", body, envelope))
        self.publishing.publish(pongs)

    def confirmed(self, numbers: Sequence[int]) -> None:
        self.consuming.acknowledge([self._open.pop(number) for number in numbers])


async def main(asked: Contract) -> None:
    configuration = Configuration(rabbit_url=asked.url)
    endpoint = configuration.endpoints[0]
    echo = Echo(asked.exchange_out)
    echo.consuming = open_transport(configuration, endpoint, echo, "bench")
    echo.publishing = open_transport(configuration, endpoint, echo, "bench")
    await echo.consuming.open()
    await echo.publishing.open()
    queue = f"transport.{new_id()}"  # the broker may still hold that of a run before
    await echo.consuming.declare(
        Topology(
            [Exchange(asked.exchange_in), Exchange(asked.exchange_out)],
            [Queue(queue)],
            [Binding(queue, asked.exchange_in, asked.key)],
        )
    )
    await echo.consuming.consume(queue, PREFETCH)
    ready()
    await asyncio.Event().wait()


if __name__ == "__main__":
    if os.environ.get("BENCH_WAY") == "plain":
        rabbitmq.missing_hook = lambda _: "it is measured"  # type: ignore[attr-defined, assignment]
    asyncio.run(main(contract()))
