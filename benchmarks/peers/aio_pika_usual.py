"""aio-pika, the usual way: a callback for each message, a confirm awaited before the ack."""

from __future__ import annotations

import asyncio

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from peers.contract import PREFETCH, Contract, answer, contract, ready


async def main(asked: Contract) -> None:
    consuming = await aio_pika.connect(asked.url)
    publishing = await aio_pika.connect(asked.url)
    channel = await consuming.channel()
    await channel.set_qos(prefetch_count=PREFETCH)
    out_channel = await publishing.channel(publisher_confirms=asked.confirmed)
    exchange_in = await channel.get_exchange(asked.exchange_in)
    exchange_out = await out_channel.get_exchange(asked.exchange_out)

    async def on_message(message: AbstractIncomingMessage) -> None:
        await exchange_out.publish(
            aio_pika.Message(
                answer(message.body),
                content_type="application/json",
                correlation_id=message.message_id,
                delivery_mode=2,
            ),
            routing_key="",
            mandatory=False,
        )
        if asked.confirmed:
            await message.ack()

    for _ in range(asked.queues):
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange_in, asked.key)
        await queue.consume(on_message, no_ack=not asked.confirmed)
    ready()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(contract()))
