"""A daemon thread for handlers that block, and the way back from any thread to the event loop.

Both work in batches: one wake-up for many jobs and for many reports. A wake-up costs more than most
handlers do, and takes the interpreter away from the thread that reports, in the middle of its work.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

logger = logging.getLogger(__name__)

Job = TypeVar("Job")


LOOK: Final = 0.002
"""Seconds that a report may wait while a thread is at work."""


class Mailbox:
    """Calls functions on the event loop that made it, in the order in which they were posted; then
    calls *afterwards*, once for all that were there.

    What is posted wakes the loop, unless it looks by itself (:meth:`look`): so a report waits for
    others, but not for a handler that takes its time.
    """

    def __init__(self, afterwards: Callable[[], None] = lambda: None) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._afterwards = afterwards
        self._reports: list[Callable[[], None]] = []
        self._called = False
        self._looking = False
        self._lock = threading.Lock()

    @property
    def is_local(self) -> bool:
        """Whether the caller is on the event loop itself."""
        return threading.get_ident() == self._thread

    def post(self, report: Callable[[], None]) -> None:
        """Have *report* called on the event loop. From any thread; lost once the loop is closed."""
        with self._lock:
            self._reports.append(report)
            if not self._looking:
                self._wake()

    def hurry(self) -> None:
        """Nothing more is posted for now: what was is not to wait for others. From any thread."""
        with self._lock:
            if self._reports:
                self._wake()

    def look(self) -> None:
        """A thread begins to work: look for what it posts after a while, as often as there was
        something. On the event loop."""
        if not self._looking:
            self._loop.call_later(LOOK, self._look)
            self._looking = True

    def _look(self) -> None:
        with self._lock:
            self._looking = False  # whoever posts from here on wakes
            found = bool(self._reports)
        if found:
            self.look()
            self._deliver()

    def _wake(self) -> None:
        if not self._called:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._deliver)
            self._called = True  # not if that failed: the next report has all delivered

    def _deliver(self) -> None:
        with self._lock:
            reports, self._reports, self._called = self._reports, [], False
        for report in reports:
            try:
                report()
            except Exception:  # the others are delivered
                logger.exception("A report from a thread failed")
        self._afterwards()


class Worker(Generic[Job]):
    """Runs a function for each job, in order, in a thread of its own; and *rest*, there, whenever
    there is none left.

    The thread is a daemon: a handler that never returns does not keep the process alive.
    """

    def __init__(
        self, name: str, run: Callable[[Job], None], rest: Callable[[], None] = lambda: None
    ) -> None:
        self._run = run
        self._rest = rest
        self._jobs: queue.SimpleQueue[Sequence[Job] | None] = queue.SimpleQueue()
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Run *jobs* after those that were submitted before."""
        self._jobs.put(jobs)

    def stop(self) -> None:
        """End the thread after the job that it is at. Does not wait for it."""
        self._stopped = True
        self._jobs.put(None)

    def _work(self) -> None:
        while (jobs := self._jobs.get()) is not None:
            for job in jobs:
                if self._stopped:
                    return
                try:
                    self._run(job)
                except BaseException:  # the thread goes on: nobody would miss it
                    logger.exception("A job of a thread failed")
            if self._jobs.empty():
                try:
                    self._rest()
                except BaseException:
                    logger.exception("A thread could not say that it has nothing to do")
