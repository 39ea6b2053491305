"""pika's BlockingConnection: with confirms, each publish waits for its own."""

from __future__ import annotations

from typing import Any

import pika

from peers.contract import PREFETCH, Contract, answer, contract, ready


def main(asked: Contract) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(asked.url))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=PREFETCH)
    if asked.confirmed:
        channel.confirm_delivery()

    def on_message(channel: Any, method: Any, properties: Any, body: bytes) -> None:
        channel.basic_publish(
            asked.exchange_out,
            "",
            answer(body),
            pika.BasicProperties(
                content_type="application/json",
                correlation_id=properties.message_id,
                delivery_mode=2,
            ),
        )
        if asked.confirmed:
            channel.basic_ack(method.delivery_tag)

    for _ in range(asked.queues):
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, asked.exchange_in, asked.key)
        channel.basic_consume(queue, on_message, auto_ack=not asked.confirmed)
    ready()
    channel.start_consuming()


if __name__ == "__main__":
    main(contract())
