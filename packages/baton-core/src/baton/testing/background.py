"""An event loop in a thread, for tests that block."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from baton.testing.failure import HarnessError

T = TypeVar("T")

_FRAMES: Final = 3
"""Calls that are shown of what holds up the loop."""


class BackgroundLoop:
    """Runs coroutines on an event loop of its own, whose thread is a daemon."""

    def __init__(self) -> None:
        self._started: Future[asyncio.AbstractEventLoop] = Future()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="baton.testing", daemon=True)

    def start(self) -> None:
        """Begin; called once, first of all."""
        self._thread.start()
        self._started.result()

    @property
    def is_running(self) -> bool:
        """Whether the loop can be given anything."""
        return self._thread.is_alive()

    def run(self, coroutine: Coroutine[Any, Any, T], patience: float) -> T:
        """What *coroutine* returns or raises.

        Raises HarnessError, which shows what the loop is at, if that takes longer than *patience*
        seconds: no coroutine of a test does, unless the loop is held up.
        """
        __tracebackhide__ = True
        future = asyncio.run_coroutine_threadsafe(coroutine, self._started.result())
        try:
            return future.result(patience)
        except HarnessError as error:
            raise error.with_traceback(None) from None
        except TimeoutError:
            if future.done():
                raise
            raise HarnessError(
                f"The event loop has not got to it in {patience:g} s: does an async def block? "
                f"It is at\n{self._position()}"
            ) from None
        finally:
            future.cancel()

    def stop(self, patience: float) -> None:
        """End the loop, and the thread; a thread that is held up is left behind after *patience*
        seconds, and HarnessError is raised."""
        __tracebackhide__ = True
        self._started.result().call_soon_threadsafe(self._stopped.set)
        self._thread.join(patience)
        if self._thread.is_alive():
            raise HarnessError(f"The event loop does not end; it is at\n{self._position()}")

    def _serve(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._started.set_result(asyncio.get_running_loop())
        await self._stopped.wait()

    def _position(self) -> str:
        frame = sys._current_frames().get(self._thread.ident or 0)
        return "".join(traceback.format_stack(frame)[-_FRAMES:]) if frame else "its end"
