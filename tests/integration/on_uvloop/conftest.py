"""Every test below this folder runs on uvloop."""

from asyncio import AbstractEventLoop
from collections.abc import Callable

import uvloop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], AbstractEventLoop]]:
    """What makes the event loops, by name."""
    return {"uvloop": uvloop.new_event_loop}
