"""taskiq over aio-pika: a ping is a task. It always acknowledges: on receipt, at most once."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aio_pika
from taskiq.acks import AcknowledgeType
from taskiq.api import run_receiver_task
from taskiq_aio_pika import AioPikaBroker, Exchange, Queue, QueueType

from peers.contract import PREFETCH, Contract, contract, pong, ready


async def main(asked: Contract) -> None:
    logging.disable(logging.WARNING)
    broker = AioPikaBroker(
        asked.url,
        qos=PREFETCH,
        exchange=Exchange(asked.exchange_in, aio_pika.ExchangeType.DIRECT),
        task_queues=[
            Queue(name="taskiq.bench", type=QueueType.CLASSIC, routing_key=asked.key),
        ],
    )
    broker.is_worker_process = True
    connection = await aio_pika.connect_robust(asked.url)
    channel = await connection.channel(publisher_confirms=asked.confirmed)
    out = await channel.get_exchange(asked.exchange_out)

    @broker.task(task_name="ping")
    async def ping(message: dict[str, Any]) -> None:
        reply = aio_pika.Message(
            broker.serializer.dumpb(pong(message)), content_type="application/json", delivery_mode=2
        )
        await out.publish(reply, routing_key="", mandatory=False)

    await broker.startup()
    ready()
    await run_receiver_task(
        broker,
        max_async_tasks=PREFETCH,
        ack_time=AcknowledgeType.WHEN_EXECUTED
        if asked.confirmed
        else AcknowledgeType.WHEN_RECEIVED,
    )


if __name__ == "__main__":
    asyncio.run(main(contract()))
