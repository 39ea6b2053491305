"""A task that goes on until it is stopped, whoever cancels it, and whatever goes wrong in it.

Without it a service would be deaf, and look well: the loop lives, and the connection stands.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

logger = logging.getLogger(__name__)

PAUSE: Final = 0.1
"""Seconds until it goes on. A loop that is being closed, and cancels all, has ended by then."""


class Kept:
    """Runs *run* in a task called *name*, anew whenever that is cancelled or raises something; when
    it returns, it is over.

    *ended* is called with the reason each time, before; not at a stop. Everything happens on the
    event loop.
    """

    def __init__(
        self,
        run: Callable[[], Coroutine[Any, Any, None]],
        name: str,
        ended: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._run = run
        self._name = name
        self._on_end = ended
        self._task: asyncio.Task[None] | None = None
        self._pause: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name)
        self._task.add_done_callback(self._ended)

    def cancel(self) -> asyncio.Task[None] | None:
        """End it, for good. Returns the task, which may take its time; None if there is none."""
        task, self._task = self._task, None
        if self._pause is not None:
            self._pause.cancel()
        if task is not None:
            task.cancel()
        return task

    async def stop(self) -> None:
        """End it, for good, and wait for that. Never raises what ended it: that was logged."""
        task = self.cancel()
        if task is not None:
            await asyncio.wait([task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if task is not self._task or (error is None and not task.cancelled()):
            return
        reason = "its task was cancelled" if task.cancelled() else f"its task ended: {error!r}"
        logger.error("%s: %s; it goes on", self._name, reason, exc_info=error)
        self._pause = asyncio.get_running_loop().call_later(PAUSE, self.start)
        self._on_end(reason)
