"""dramatiq: a ping is an actor's message. It always acknowledges afterwards: its at most once has
no confirms, but acknowledgements. Whoever measures binds its queue, ``dramatiq.bench``."""

from __future__ import annotations

import threading
from typing import Any

import dramatiq
import pika
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from peers.contract import Contract, contract, pong, ready


def main(asked: Contract) -> None:
    broker = RabbitmqBroker(url=asked.url, confirm_delivery=asked.confirmed, middleware=[])
    dramatiq.set_broker(broker)
    encoder = dramatiq.JSONEncoder()

    def ping(message: dict[str, Any]) -> None:
        broker.channel.basic_publish(
            asked.exchange_out,
            "",
            encoder.encode(pong(message)),
            pika.BasicProperties(content_type="application/json", delivery_mode=2),
        )

    actor = dramatiq.actor(ping, queue_name="dramatiq.bench")
    worker = dramatiq.Worker(broker, worker_threads=8)  # as its command line has it by default
    broker.declare_queue(actor.queue_name, ensure=True)
    worker.start()
    ready()
    threading.Event().wait()


if __name__ == "__main__":
    main(contract())
