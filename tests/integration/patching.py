"""A service with a durable consumer, as a process that a test ends as it likes.

What it runs, it writes down first: a line of JSON for each attempt, in a file that outlives it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from baton import Configuration, Consumer, Message, Reject, Server, Service
from baton.link import Phase

logger = logging.getLogger("patching")

EXTENSION = "baton-patch"
SERVER = Server("web01.example.org", "production")
QUEUE = f"{EXTENSION}.{SERVER.fqdn}.patch"


class PatchConsumer(Consumer):
    """Does as the type of a command says."""

    durable = True

    def __init__(self, server: Server, journal: Path) -> None:
        super().__init__("patch", server)
        self._journal = journal

    @property
    def routing_keys(self) -> tuple[str, ...]:
        return self.server.routing_keys

    @property
    def attributes(self) -> dict[str, Any]:
        return self.server.attributes

    async def process_message(self, message: Message) -> None:
        attempt = [message.get("n"), message.redelivered, message.delivery_count]
        with self._journal.open("a") as journal:
            journal.write(json.dumps(attempt) + "\n")
        logger.info("began %s", message.get("n"))
        match message.type:
            case "hang":
                await asyncio.Event().wait()
            case "exit":
                os._exit(9)
            case "reject":
                raise Reject("there is no such package")
        self.notify_success(f"patched {message.get('n')}")


class PatchService(Service):
    """Runs it, and says when it is ready."""

    extension = EXTENSION
    journal = Path("journal")

    def setup_consumers(self) -> None:
        self.add_consumer(PatchConsumer(self.server, self.journal))
        self.watch(lambda state: self._say(state.phase))

    def _say(self, phase: Phase) -> None:
        logger.info("phase %s", phase)


def main() -> int:
    """Run until it is stopped. Its arguments: a URL, the journal, and settings as JSON."""
    url, journal, settings = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    service = PatchService(Configuration(rabbit_url=url, **json.loads(settings)), SERVER)
    service.journal = Path(journal)
    return service.run()


if __name__ == "__main__":
    sys.exit(main())
