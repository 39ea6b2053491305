"""nameko: a messaging entry point and a publisher. It always acknowledges: its at most once has no
confirms."""

import eventlet

eventlet.monkey_patch()

import logging  # noqa: E402
from typing import Any  # noqa: E402

from kombu import Exchange, Queue  # noqa: E402
from nameko.messaging import Publisher, consume  # noqa: E402
from nameko.runners import ServiceRunner  # noqa: E402

from peers.contract import PREFETCH, Contract, contract, pong, ready  # noqa: E402


def main(asked: Contract) -> None:
    logging.disable(logging.WARNING)
    source = Exchange(asked.exchange_in, "direct", durable=True)
    queue = Queue("nameko.bench", source, asked.key, durable=True)

    class Echo:
        name = "bench"
        publish = Publisher(
            exchange=Exchange(asked.exchange_out, "direct", durable=True),
            use_confirms=asked.confirmed,
        )

        @consume(queue)
        def ping(self, message: dict[str, Any]) -> None:
            self.publish(pong(message), routing_key="")

    # As many green threads as messages are in flight: nameko takes no more than it has.
    runner = ServiceRunner({"AMQP_URI": asked.url, "max_workers": PREFETCH})
    runner.add_service(Echo)
    runner.start()
    ready()
    runner.wait()


if __name__ == "__main__":
    main(contract())
