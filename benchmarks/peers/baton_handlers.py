"""Baton with a handler of one's own, as a coroutine or, with BENCH_HANDLER=plain, as a plain def
that runs in a thread. It has no log and no audit, as baton-ping has: so one sees what they cost."""

from __future__ import annotations

import logging
import os

from baton import Configuration, Consumer, Message, Server, Service
from baton.link import Phase
from peers.contract import contract, pong, ready


class Plain(Consumer):
    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    def process_message(self, message: Message) -> None:
        self.notify(pong(dict(message)))


class Coroutine(Plain):
    async def process_message(self, message: Message) -> None:  # type: ignore[override]
        self.notify(pong(dict(message)))


class Echo(Service):
    extension = "baton-bench"

    def setup_consumers(self) -> None:
        kind = Plain if os.environ.get("BENCH_HANDLER") == "plain" else Coroutine
        self.add_consumer(kind("echo", self.server))


def main() -> None:
    asked = contract()
    logging.disable(logging.WARNING)
    configuration = Configuration(
        rabbit_url=asked.url, exchange=asked.exchange_in, exchange_out=asked.exchange_out
    )
    service = Echo(configuration, Server("web01.example.org", asked.key, ("shop",)))
    service.watch(lambda state: ready() if state.phase is Phase.READY else None)
    service.run()


if __name__ == "__main__":
    main()
