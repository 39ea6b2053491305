"""A ping service on Baton's transport alone: the pong is confirmed before the ping is acknowledged.

With "plain" it takes the slow way through aio-pika, with "uvloop" it runs on that event loop.
Prints "ready" when it is."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

from baton.configuration import Configuration
from baton.message import Envelope
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

EXCHANGE_IN, EXCHANGE_OUT = Exchange("transport_in"), Exchange("transport_out")


class Ping(TransportListener):
    """Answers each ping. Numbers of pongs are those of the pings' deliveries."""

    def __init__(self) -> None:
        self.consuming: Transport
        self.publishing: Transport
        self._number = 0
        self._open: dict[int, Delivery] = {}

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        pongs = []
        for delivery in deliveries:
            if json.loads(delivery.body)["type"] == "ping":
                self._number += 1
                self._open[self._number] = delivery
                pong = {"type": "pong", "environment": "production", "fqdn": "bare"}
                envelope = Envelope(
                    correlation_id=delivery.envelope.message_id, persistent=True, app_id="bare"
                )
                body = json.dumps(pong).encode()
                pongs.append(Publication(self._number, EXCHANGE_OUT.name, "", body, envelope))
        self.publishing.publish(pongs)

    def confirmed(self, numbers: Sequence[int]) -> None:
        self.consuming.acknowledge([self._open.pop(number) for number in numbers])


async def main(url: str) -> None:
    configuration = Configuration(rabbit_url=url)
    endpoint = configuration.endpoints[0]
    ping = Ping()
    ping.consuming = open_transport(configuration, endpoint, ping, "bare")
    ping.publishing = open_transport(configuration, endpoint, ping, "bare")
    await ping.consuming.open()
    await ping.publishing.open()
    await ping.consuming.declare(
        Topology(
            [EXCHANGE_IN, EXCHANGE_OUT],
            [Queue("transport")],
            [Binding("transport", EXCHANGE_IN.name, "production")],
        )
    )
    await ping.consuming.consume("transport", 100)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    if "plain" in sys.argv:
        rabbitmq.missing_hook = lambda _: "it is measured"  # type: ignore[assignment]
    if "uvloop" in sys.argv:
        import uvloop

        uvloop.install()
    asyncio.run(main(sys.argv[1]))
