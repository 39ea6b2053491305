"""FastStream: a subscriber and a publisher as decorators. Its log of each message is off."""

from __future__ import annotations

import asyncio
from typing import Any

from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, RabbitBroker, RabbitExchange, RabbitQueue

from peers.contract import PREFETCH, Contract, contract, pong, ready


def main(asked: Contract) -> None:
    broker = RabbitBroker(
        asked.url,
        default_channel=Channel(prefetch_count=PREFETCH, publisher_confirms=asked.confirmed),
        logger=None,
    )
    source = RabbitExchange(asked.exchange_in, declare=False)
    out = RabbitExchange(asked.exchange_out, declare=False)

    async def on_ping(message: dict[str, Any]) -> dict[str, Any]:
        return pong(message)

    for number in range(asked.queues):
        queue = RabbitQueue(
            f"faststream.{number}", durable=False, exclusive=True, routing_key=asked.key
        )
        subscriber = broker.subscriber(
            queue,
            source,
            ack_policy=AckPolicy.REJECT_ON_ERROR if asked.confirmed else AckPolicy.ACK_FIRST,
        )
        publisher = broker.publisher(exchange=out, routing_key="", persist=True, mandatory=False)
        subscriber(publisher(on_ping))
    app = FastStream(broker, logger=None)
    app.after_startup(ready)
    asyncio.run(app.run())


if __name__ == "__main__":
    main(contract())
