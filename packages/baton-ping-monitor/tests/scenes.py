"""Scenes for tests of the executable: a fleet on a broker in memory, and the monitor in the same
process, in its main thread, where it receives signals."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable

from baton import Configuration, Server
from baton.transports.memory import memory_broker
from baton_ping.api import PingAPI
from baton_ping.monitor import PingMonitor
from baton_ping.service import PingService
from baton_ping_monitor.executable import main

BROKER = "scene"
URL = f"memory://{BROKER}"
SETTINGS = Configuration(rabbit_url=URL)


def serve() -> None:
    """Run a server, and wait until it listens."""

    async def run() -> None:
        service = PingService(SETTINGS, Server("web01.example.org", "production", ("shop",)))
        await service.start()
        await asyncio.Event().wait()

    threading.Thread(target=asyncio.run, args=(run(),), daemon=True).start()
    wait_until(lambda: binds("baton_ping_in"))


def binds(exchange: str) -> bool:
    return any(binding[0] == exchange for binding in memory_broker(BROKER).bindings)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)


def plain() -> None:
    """A ping, and something that is none, while ``--plain`` listens."""
    logging.getLogger("baton.consumer_manager").disabled = True
    serve()

    def command() -> None:
        wait_until(lambda: binds("baton_ping_out"))
        with PingAPI(SETTINGS) as api:
            api.ping("production")
            api.publish({"type": "frob"}, "production")

    threading.Thread(target=command, daemon=True).start()
    main(["--plain", "--url", URL, *sys.argv[2:]])


def table() -> None:
    """The table of a fleet of one, which is pinged."""
    logging.getLogger("baton.consumer_manager").disabled = True
    serve()
    main(["--table", "--url", URL, "--instance", "here", "--ping-every", "0.2", *sys.argv[2:]])


def taken() -> None:
    """The instance's name is taken by another monitor."""
    known = threading.Event()

    async def run() -> None:
        await PingMonitor(SETTINGS, "here").start(lambda _: known.set())
        await asyncio.Event().wait()

    threading.Thread(target=asyncio.run, args=(run(),), daemon=True).start()
    known.wait(10)
    main(["--table", "--url", URL, "--instance", "here", *sys.argv[2:]])


if __name__ == "__main__":
    {"plain": plain, "table": table, "taken": taken}[sys.argv[1]]()
