"""What blocks, done beside the loop, and left behind when it takes too long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

Result = TypeVar("Result")


async def in_thread(function: Callable[[], Result], seconds: float) -> Result:
    """What *function* returns. Raises what it raises, or TimeoutError after *seconds*.

    The thread is one of its own that nobody waits for at the end of the process: a name server
    or a network file system that does not answer must not hold it up.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def run() -> None:
        settle: Callable[[], None]
        try:
            settle = partial(future.set_result, function())
        except Exception as error:  # noqa: BLE001  (raised where it is awaited)
            settle = partial(future.set_exception, error)
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(lambda: None if future.done() else settle())

    threading.Thread(target=run, name="baton beside the loop", daemon=True).start()
    async with asyncio.timeout(seconds):
        return await future
