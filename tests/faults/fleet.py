"""A fleet of made-up servers as a process of its own, which says how many tasks it has.

``python -m faults.fleet URL SERVERS``: answers pings until SIGTERM, and prints a line of JSON each
second.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from unittest.mock import patch

from baton import Configuration, channel
from baton.extension import require_extension
from baton.runner import run_services
from baton.simulation import Character, Simulation, made_up_servers

ENVIRONMENT = "soak"
REMEMBERED = 64
"""Commands that each server remembers: 1,024 would need 17 minutes until they take no more memory,
which looks like a leak."""
_EVERY = 1.0


class Fleet(Simulation):
    """Made-up servers, and how they are from within."""

    async def start(self) -> None:
        await super().start()
        self._say()

    def _say(self) -> None:
        """Without a task: it is those that are counted."""
        tasks, threads = len(asyncio.all_tasks()), threading.active_count()
        sys.stdout.write(json.dumps({"tasks": tasks, "threads": threads}) + "\n")
        sys.stdout.flush()
        asyncio.get_running_loop().call_later(_EVERY, self._say)


def main(url: str, servers: int) -> int:
    """Run them until a signal."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
    for name in ("aio_pika", "aiormq", "pika"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    configuration = Configuration(rabbit_url=url, prefetch=REMEMBERED // 2)
    pairs = [(server, Character()) for server in made_up_servers(servers, [ENVIRONMENT])]
    with patch.object(channel, "REMEMBERED", REMEMBERED):
        return run_services([Fleet(configuration, require_extension("ping"), pairs)], configuration)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
