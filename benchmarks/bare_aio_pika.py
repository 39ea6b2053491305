"""A ping service as one writes it with aio-pika alone, with Baton's guarantee: the pong is
confirmed before the ping is acknowledged. Prints "ready" when it is."""

from __future__ import annotations

import asyncio
import json
import sys

import aio_pika
from aio_pika.abc import AbstractIncomingMessage


async def main(url: str) -> None:
    consuming = await aio_pika.connect(url)
    publishing = await aio_pika.connect(url)
    channel = await consuming.channel()
    await channel.set_qos(prefetch_count=100)
    exchange_in = await channel.declare_exchange("bare_in", "direct", durable=True)
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind(exchange_in, "production")
    out_channel = await publishing.channel()
    exchange_out = await out_channel.declare_exchange("bare_out", "direct", durable=True)

    async def on_message(message: AbstractIncomingMessage) -> None:
        if json.loads(message.body)["type"] == "ping":
            pong = {"type": "pong", "environment": "production", "fqdn": "bare", "app_names": []}
            await exchange_out.publish(
                aio_pika.Message(
                    json.dumps(pong).encode(),
                    content_type="application/json",
                    correlation_id=message.message_id,
                    delivery_mode=2,
                ),
                routing_key="",
            )
        await message.ack()

    await queue.consume(on_message)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
