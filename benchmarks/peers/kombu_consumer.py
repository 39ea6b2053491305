"""kombu: a consumer mixin, a producer on the same connection."""

from __future__ import annotations

from typing import Any

from kombu import Connection, Exchange, Queue
from kombu.mixins import ConsumerProducerMixin

from peers.contract import PREFETCH, Contract, contract, pong, ready


class Echo(ConsumerProducerMixin):
    def __init__(self, asked: Contract) -> None:
        self.connection = Connection(
            asked.url, transport_options={"confirm_publish": asked.confirmed}
        )
        self._asked = asked
        self._out = Exchange(asked.exchange_out, "direct", passive=True)

    def get_consumers(self, consumer: Any, channel: Any) -> list[Any]:
        source = Exchange(self._asked.exchange_in, "direct", passive=True)
        queues = [
            Queue(f"kombu.{number}", source, self._asked.key, exclusive=True, durable=False)
            for number in range(self._asked.queues)
        ]
        return [
            consumer(
                queues,
                callbacks=[self._on_message],
                accept=["json"],
                no_ack=not self._asked.confirmed,
                prefetch_count=PREFETCH,
            )
        ]

    def on_consume_ready(self, *_: Any, **__: Any) -> None:
        ready()

    def _on_message(self, body: Any, message: Any) -> None:
        self.producer.publish(
            pong(body),
            exchange=self._out,
            routing_key="",
            serializer="json",
            correlation_id=message.properties.get("message_id"),
        )
        if self._asked.confirmed:
            message.ack()


if __name__ == "__main__":
    Echo(contract()).run()
