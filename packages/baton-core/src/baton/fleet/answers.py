"""Answers: a collection for programs that have no event loop."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from baton.fleet.collection import Collection, Progress

if TYPE_CHECKING:
    from types import TracebackType

    from baton.configuration import Configuration
    from baton.extension import Extension
    from baton.fleet.reply import Reply
    from baton.fleet.request import Request
    from baton.fleet.result import Result
    from baton.fleet.runs import Runs

Value = TypeVar("Value")

_WAITING: Final = 1000
"""Replies that wait here for who iterates; the rest does at the broker."""
_GRACE: Final = 2.0
"""Seconds beyond the deadline of a disconnect that its thread may take."""


class Answers:
    """What :meth:`API.collect` gives: the replies, each as it arrives, and their account.

    It is iterated once, which connects and publishes; a loop that is left early is closed by
    :meth:`close`, or at the end of a ``with`` block. Its own thread keeps the connection alive:
    the child of a fork has the account as it was then, and no more replies. Raises what a
    :class:`~baton.fleet.Collection` does.
    """

    def __init__(
        self,
        configuration: Configuration,
        extension: Extension,
        request: Request,
        *,
        runs: Runs | None = None,
    ) -> None:
        self._collection = Collection(configuration, extension, request, runs=runs)
        self._patience = configuration.deadline + _GRACE
        self._queue: queue.SimpleQueue[Reply | BaseException | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._process = os.getpid()
        self._is_iterated = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._room = asyncio.Event()
        self._is_full = False
        self._interrupted = False
        self._ended: Future[None] = Future()

    def __iter__(self) -> Iterator[Reply]:
        """Connect, publish, and yield each reply as it arrives. Raises RuntimeError when it is
        done twice, or after :meth:`close`."""
        if self._is_iterated or self._stop.is_set():
            raise RuntimeError("Answers are iterated once")
        self._is_iterated = True
        return self._replies()

    @property
    def result(self) -> Result:
        """The account of what has come so far, at any time; it is ``interrupted`` if this was
        closed before its time."""
        return self._ask(lambda: self._collection.result(interrupted=self._interrupted))

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        return self._ask(lambda: self._collection.progress)

    def close(self) -> None:
        """Disconnect: nothing more comes. May be called again."""
        if self._thread is None or self._loop is None:
            self._stop.set()
            return
        if self._is_elsewhere:
            return
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(self._patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _replies(self) -> Iterator[Reply]:
        if self._stop.is_set():
            return
        # Not before the first step: an iterator that is dropped before it would leave a thread.
        self._loop = asyncio.new_event_loop()
        self._process = os.getpid()
        self._thread = threading.Thread(
            target=self._work, args=[self._loop], name="baton-answers", daemon=True
        )
        self._thread.start()
        try:
            while (item := self._next()) is not None:
                if isinstance(item, BaseException):
                    raise item
                if self._is_full and self._queue.qsize() <= _WAITING // 2:
                    self._is_full = False
                    with suppress(RuntimeError):
                        self._require_loop().call_soon_threadsafe(self._room.set)
                yield item
        finally:
            self.close()

    def _next(self) -> Reply | BaseException | None:
        if self._is_elsewhere:
            raise RuntimeError("Answers are iterated in the process that began to")
        return self._queue.get()

    @property
    def _is_elsewhere(self) -> bool:
        """Whether its thread runs in the process that this one was forked from."""
        return os.getpid() != self._process

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """What the thread does."""
        last: BaseException | None = None
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(self._run())
        except BaseException as error:  # noqa: BLE001  (raised where it is iterated)
            last = error
        self._ended.set_result(None)
        self._queue.put(last)

    async def _run(self) -> None:
        collecting = asyncio.create_task(self._collect())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({collecting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        self._interrupted = collecting.cancel()
        stopping.cancel()
        with suppress(asyncio.CancelledError):
            await collecting

    async def _collect(self) -> None:
        async with self._collection as collection:
            async for reply in collection:
                self._queue.put(reply)
                if self._queue.qsize() >= _WAITING:
                    await self._wait_for_room()

    async def _wait_for_room(self) -> None:
        self._room.clear()
        self._is_full = True
        if self._queue.qsize() >= _WAITING:  # it may have been read since
            await self._room.wait()

    def _ask(self, question: Callable[[], Value]) -> Value:
        """What *question* answers in the thread where everything changes, or here when that has
        ended."""
        answer: Future[Value] = Future()

        def reply() -> None:
            answer.set_result(question())

        is_alive = self._thread is not None and not self._is_elsewhere
        if is_alive and not self._ended.done():
            with suppress(RuntimeError):
                self._require_loop().call_soon_threadsafe(reply)
            wait(
                [cast("Future[Any]", answer), cast("Future[Any]", self._ended)],
                return_when=FIRST_COMPLETED,
            )
        return answer.result() if answer.done() else question()

    def _require_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("It has not begun")
        return self._loop
