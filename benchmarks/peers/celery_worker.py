"""Celery with its solo pool: a ping is a task; late acknowledgement is at least once.

Celery always acknowledges: early, before the task, is its at most once.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready
from kombu import Exchange, Queue

from peers.contract import PREFETCH, Contract, contract, pong, ready


def main(asked: Contract) -> None:
    app = Celery("bench", broker=asked.url)
    out = Exchange(asked.exchange_out, "direct", passive=True)
    app.conf.update(
        broker_transport_options={"confirm_publish": asked.confirmed},
        task_acks_late=asked.confirmed,
        task_ignore_result=True,
        task_queues=[
            Queue(
                f"celery.bench.{os.getpid()}",  # the broker may still hold that of the run before
                Exchange(asked.exchange_in, "direct", durable=True),
                asked.key,
                exclusive=True,
                durable=False,
            )
        ],
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_prefetch_multiplier=PREFETCH,
    )

    @app.task(name="ping", bind=True)
    def ping(self: Any, message: dict[str, Any]) -> None:
        with app.producer_pool.acquire(block=True) as producer:
            producer.publish(
                pong(message),
                exchange=out,
                routing_key="",
                serializer="json",
                correlation_id=self.request.id,
            )

    def on_ready(**_: Any) -> None:
        ready()

    worker_ready.connect(on_ready, weak=False)
    app.worker_main(
        [
            "worker",
            "--pool=solo",
            "--loglevel=ERROR",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )


if __name__ == "__main__":
    main(contract())
