"""Brings batches from the event loop into the store, one transaction after the other."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from sqlalchemy.exc import DataError, SQLAlchemyError

from baton.backoff import Backoff
from baton_ping_monitor.store.database import reason
from baton_ping_monitor.store.pause import pause
from baton_ping_monitor.store.records import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from baton_ping_monitor.store.store import Store

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 2_000
"""Observations that are written in one transaction, unless a single batch has more."""
_WAITING: Final = 10_000
"""Observations that may wait; beyond that, whoever brings more waits."""
_GRACE: Final = 5.0
"""Seconds that the end waits for a transaction."""
_QUIET: Final = 60.0
"""Seconds for which no other row that is left out is logged."""
_LONGEST: Final = 5.0
"""Seconds between two tries at most."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """The database does not take what is to be written, since when and why."""

    since: float
    reason: str


@dataclass(slots=True)
class _Waiting:
    batch: Batch
    written: asyncio.Future[tuple[bool, ...]]


class Recorder:
    """Writes what it is given, in order, and what comes meanwhile together.

    While the database fails, it tries again and again: nothing is given up as long as it runs, and
    what is not recorded is not acknowledged. Only a row that the database refuses for what is in it
    is left out: it would keep all others waiting, also after a restart. Everything happens on the
    event loop, the writing itself in a thread. To be used as an ``async with``: at the end, what
    waits is tried once more, for a few seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._number = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._is_closing = False
        self._trouble: Trouble | None = None
        self._tries = 0
        self._quiet_until = 0.0
        self._task: asyncio.Task[None] | None = None
        # A thread of its own: it is not to wait for others that ask the database for much.
        self._thread = ThreadPoolExecutor(1, "recorder")

    @property
    def trouble(self) -> Trouble | None:
        """What keeps it from writing, None while all is well."""
        return self._trouble

    @property
    def waiting(self) -> int:
        """How many observations wait to be written."""
        return self._number

    @property
    def tries(self) -> int:
        """How often what is to be written next was tried in vain."""
        return self._tries

    async def record(self, batch: Batch) -> tuple[bool, ...]:
        """Return once *batch* is committed: which of its observations are new, in their order.
        Raises RuntimeError when the recorder ends before that."""
        while not self._room.is_set():
            await self._room.wait()
        if self._is_closing:
            raise RuntimeError("The recorder has ended")
        waiting = _Waiting(batch, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._number += len(batch.observations)
        if self._number >= _WAITING:
            self._room.clear()
        self._news.set()
        return await waiting.written

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._write(), name="recorder")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_closing = True
        self._news.set()
        self._room.set()
        if self._task is None:
            return
        _, pending = await asyncio.wait({self._task}, timeout=_GRACE)
        if pending:
            self._store.interrupt()
        await self._task
        self._thread.shutdown(wait=False)

    async def _write(self) -> None:
        try:
            while self._waiting or not self._is_closing:
                self._news.clear()
                if not self._waiting:
                    await self._news.wait()
                    continue
                if not await self._write_next(self._take()):
                    return
        finally:
            self._is_closing = True
            self._room.set()
            for each in self._waiting:
                _fail(each)
            self._waiting.clear()

    def _take(self) -> list[_Waiting]:
        taken: list[_Waiting] = []
        number = 0
        for each in self._waiting:
            number += len(each.batch.observations)
            if taken and number > _AT_ONCE:
                break
            taken.append(each)
        return taken

    async def _write_next(self, taken: Sequence[_Waiting]) -> bool:
        """Whether it was written; False only when there is no time to try again."""
        batch = _merged([each.batch for each in taken])
        backoff = Backoff(_LONGEST)
        loop = asyncio.get_running_loop()
        news: tuple[bool, ...] | None = None
        while news is None:
            try:
                news = await loop.run_in_executor(self._thread, self._write_apart, batch)
            except Exception as error:  # noqa: BLE001  (whatever it is, nothing is to be lost)
                self._failed(error)
                if self._is_closing:
                    return False
                await pause(backoff.next(), self._news, lambda: self._is_closing)
        self._succeeded()
        del self._waiting[: len(taken)]
        self._number -= len(batch.observations)
        if self._number < _WAITING:
            self._room.set()
        begin = 0
        for each in taken:
            end = begin + len(each.batch.observations)
            if not each.written.done():  # else whoever waited was cancelled
                each.written.set_result(news[begin:end])
            begin = end
        return True

    def _write_apart(self, batch: Batch) -> tuple[bool, ...]:
        """Write *batch*, in pieces if the database refuses something of it."""
        try:
            return self._store.write(batch)
        except DataError as error:
            parts = _halves(batch)
            if not parts:
                self._left_out(error)
                return (False,) * len(batch.observations)
        return tuple(is_new for part in parts for is_new in self._write_apart(part))

    def _left_out(self, error: Exception) -> None:
        now = time.monotonic()
        if now >= self._quiet_until:
            logger.error("A row cannot be kept, and is left out: %s", reason(error))
            self._quiet_until = now + _QUIET

    def _failed(self, error: Exception) -> None:
        self._tries += 1
        if self._trouble is None:
            self._trouble = Trouble(self._clock(), reason(error))
            logger.error(
                "The database %s does not take what is to be written: %s; trying until it does",
                self._store.name,
                self._trouble.reason,
                exc_info=None if isinstance(error, SQLAlchemyError) else error,
            )

    def _succeeded(self) -> None:
        self._tries = 0
        if self._trouble is not None:
            seconds = round(self._clock() - self._trouble.since, 1)
            self._trouble = None
            logger.info(
                "The database %s takes what is to be written again, after %.0f s",
                self._store.name,
                seconds,
            )


def _merged(batches: Sequence[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    return Batch(
        tuple(each for batch in batches for each in batch.observations),
        tuple(each for batch in batches for each in batch.missed),
        tuple(each for batch in batches for each in batch.servers),
        tuple(each for batch in batches for each in batch.transitions),
    )


def _fail(waiting: _Waiting) -> None:
    if not waiting.written.done():
        waiting.written.set_exception(RuntimeError("The recorder ended before this was written"))


def _halves(batch: Batch) -> list[Batch]:
    """Two parts of *batch*, in order; none if it cannot be parted."""
    names = ("observations", "missed", "servers", "transitions")
    filled = [name for name in names if getattr(batch, name)]
    if len(filled) > 1:
        first = {filled[0]: getattr(batch, filled[0])}
        return [Batch(**first), replace(batch, **{filled[0]: ()})]
    rows = getattr(batch, filled[0]) if filled else ()
    if len(rows) < 2:
        return []
    half = len(rows) // 2
    return [Batch(**{filled[0]: part}) for part in (rows[:half], rows[half:])]
