"""pika's SelectConnection: callbacks all the way; a ping is acknowledged when its confirm comes."""

from __future__ import annotations

from typing import Any

import pika

from peers.contract import PREFETCH, Contract, answer, contract, ready


class Echo:
    def __init__(self, asked: Contract) -> None:
        self._asked = asked
        self._channel: Any = None
        self._published = 0
        self._consumed = 0
        self._unconfirmed: dict[int, int] = {}
        """The number of each publish, and the delivery tag that it answers."""
        self.connection = pika.SelectConnection(
            pika.URLParameters(asked.url),
            on_open_callback=lambda opened: opened.channel(on_open_callback=self._on_channel),
        )

    def _on_channel(self, channel: Any) -> None:
        self._channel = channel
        channel.basic_qos(prefetch_count=PREFETCH)
        if self._asked.confirmed:
            channel.confirm_delivery(self._on_confirm)
        self._declare()

    def _declare(self, *_: Any) -> None:
        if self._consumed == self._asked.queues:
            ready()
            return
        self._consumed += 1
        self._channel.queue_declare("", exclusive=True, callback=self._on_queue)

    def _on_queue(self, declared: Any) -> None:
        queue = declared.method.queue

        def on_bound(_: Any) -> None:
            self._channel.basic_consume(
                queue, self._on_message, auto_ack=not self._asked.confirmed, callback=self._declare
            )

        self._channel.queue_bind(queue, self._asked.exchange_in, self._asked.key, callback=on_bound)

    def _on_message(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        channel.basic_publish(
            self._asked.exchange_out,
            "",
            answer(body),
            pika.BasicProperties(
                content_type="application/json",
                correlation_id=properties.message_id,
                delivery_mode=2,
            ),
        )
        if self._asked.confirmed:
            self._published += 1
            self._unconfirmed[self._published] = method.delivery_tag

    def _on_confirm(self, frame: Any) -> None:
        if isinstance(frame.method, pika.spec.Basic.Nack):
            raise SystemExit("The broker refused a pong")  # so its ping is not acknowledged
        number, multiple = frame.method.delivery_tag, frame.method.multiple
        self._channel.basic_ack(self._unconfirmed.pop(number), multiple)
        if multiple:
            for each in [each for each in self._unconfirmed if each < number]:
                del self._unconfirmed[each]


if __name__ == "__main__":
    Echo(contract()).connection.ioloop.start()
