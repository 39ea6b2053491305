"""A collection: a request to a fleet is carried out, and gives its replies and its account."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any, Final, Self

from baton.errors import Unroutable
from baton.fleet.collector import Collector
from baton.fleet.groups import plan
from baton.fleet.result import Result
from baton.fleet.runs import Run, Runs

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from types import TracebackType

    from baton.configuration import Configuration
    from baton.extension import Extension
    from baton.fleet.reply import Reply
    from baton.fleet.request import Request

_LINGER: Final = 0.1
"""Seconds, at most, after everybody has finished: a second server of the same name takes about
as long as the first."""
_TURN: Final = 200
"""Replies after which the event loop has its turn, however many are here: it sends what is to be
acknowledged, so that the broker goes on while these are read."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a collection has come: servers that have ``answered`` of those ``expected`` (None:
    nobody said), and seconds ``elapsed`` of the ``timeout`` of the group that is asked now."""

    answered: int
    expected: int | None
    elapsed: float
    timeout: float


class Collection:
    """Carries out one :class:`~baton.fleet.Request`.

    ::

        async with Collection(configuration, extension, request) as collection:
            async for reply in collection:
                print(reply.fqdn, reply.elapsed)
        result = collection.result()

    The command is published at the first step. It ends at the deadline, or as soon as all that are
    expected have finished. With *runs* the run is kept there. *pausing* is called when no other
    reply is here, before more are waited for.

    Raises InvalidMessage for a request that cannot be carried out, before it connects; nobody that
    listens is no error but in the result.
    """

    def __init__(
        self,
        configuration: Configuration,
        extension: Extension,
        request: Request,
        *,
        runs: Runs | None = None,
        pausing: Callable[[], object] | None = None,
    ) -> None:
        self.request = request
        self.exchange_missing = False
        """Whether no service of the extension has ever connected to this broker."""
        self._extension = extension
        self._runs = runs
        self._pausing = pausing
        self._plan = plan(request)
        self._collector = Collector(configuration, extension)
        self._tally = self._collector.tally
        for group in self._plan.groups:
            self._collector.command(request.message, group, **self._options())
        self._stream: AsyncGenerator[Reply, None] | None = None
        self._asked = 0
        self._names: frozenset[str] | None = None
        """Those of the group that is asked, where they are known."""
        self._pending: set[str] = set()
        """Those that were asked and had not finished when it was last looked."""
        self._is_kept = False
        self._sent = time.time()
        self._began: float | None = None
        self._ended: float | None = None
        self._done = asyncio.Event()
        self._looked = asyncio.Event()
        self._mark = 0
        """So many deliveries had arrived, at most, when it was last asked for what has."""

    async def __aenter__(self) -> Self:
        """Connect to one host of the pool; raises what a :class:`~baton.fleet.Collector` does."""
        await self._collector.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            # One that a cancelled task is still in closes itself.
            stream = self._stream
            if isinstance(stream, AsyncGeneratorType) and not stream.ag_running:
                await stream.aclose()
        finally:
            await self._collector.__aexit__(kind, error, traceback)

    def __aiter__(self) -> AsyncIterator[Reply]:
        """Publish, and yield each reply as it arrives.

        Raises PublishTimeout if the broker does not confirm, BrokerUnavailable if the connection
        is lost, another BrokerError for what it refuses; RuntimeError when it is done twice.
        """
        if self._stream is not None:
            raise RuntimeError("A collection is iterated once")
        self._stream = self._run()
        return self._stream

    @property
    def message_id(self) -> str | None:
        """The command's, None before it is published."""
        return self._collector.message_id

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        expected = self._plan.expected
        elapsed = 0.0 if self._began is None else (self._ended or time.monotonic()) - self._began
        return Progress(
            answered=self._answered,
            expected=None if expected is None else expected.count,
            elapsed=elapsed,
            timeout=self.request.patience,
        )

    def result(self, *, interrupted: bool = False) -> Result:
        """The account of what has come so far, at any time; *interrupted* says that it was ended
        before its time."""
        tally, collector = self._tally, self._collector
        expected = self._plan.expected
        missing = self._missing()
        count = len(missing)
        if expected is not None and expected.names is None:
            count = max(0, expected.count - self._answered)
        silent = () if self.request.where else collector.silent
        sent_at = collector.sent_at
        return Result(
            message_id=collector.message_id or "",
            extension=self._extension.name,
            type=str(self.request.message["type"]),
            targets=self.request.targets,
            where=self.request.where,
            sent=self._sent,
            timeout=self.request.patience,
            took=0.0 if sent_at is None else (self._ended or time.monotonic()) - sent_at,
            expected=None if expected is None else expected.count,
            answered=tally.answered,
            replies=tally.replies,
            missing=tuple(sorted(missing)),
            missing_count=count,
            unexpected=self._unexpected(),
            duplicates=tally.duplicates(),
            errors=tally.failures(),
            originals=tuple(sorted(tally.originals)),
            silent=tuple(key for key in silent if key not in missing),
            unroutable=collector.unroutable,
            not_asked=self._not_asked,
            latency=tally.latency(),
            complete=self._is_complete(count),
            interrupted=interrupted,
        )

    async def _run(self) -> AsyncGenerator[Reply, None]:
        collector = self._collector
        conducting = asyncio.create_task(self._conduct())
        conducting.add_done_callback(lambda _: self._set_mark())
        turn = _TURN
        try:
            while not (conducting.done() and collector.count >= self._mark):
                reply = collector.take()
                if reply is not None:
                    yield reply
                    if collector.count >= self._mark:
                        self._look()
                    if collector.count >= turn:
                        turn = collector.count + _TURN
                        await asyncio.sleep(0)
                elif conducting.done():
                    break
                else:
                    self._look()
                    if self._pausing is not None:
                        self._pausing()
                    await collector.wait()
            conducting.result()
            self._ended = time.monotonic()
        finally:
            conducting.cancel()
            await asyncio.wait({conducting})
            if not conducting.cancelled():
                conducting.exception()  # or asyncio complains, where another was raised before
            self._keep(interrupted=self._ended is None)

    async def _conduct(self) -> None:
        """Ask each group in turn; the replies are taken meanwhile, by whoever iterates."""
        batches = self.request.batches
        for number, group in enumerate(self._plan.groups):
            if batches is not None and number:
                if self._is_too_bad(batches.max_failures):
                    break
                await asyncio.sleep(batches.wait)
            await self._ask(number, group)
            if self.exchange_missing:
                break  # nobody listens on anything
        await asyncio.sleep(min(_LINGER, self._tally.slowest, max(0, self._time_left)))

    async def _ask(self, number: int, group: tuple[str, ...]) -> None:
        """Publish to *group*, and return when its time is over, or it has finished."""
        if self.request.batches is not None:
            self._names = frozenset(group)
        elif self._plan.expected is not None:
            self._names = self._plan.expected.names
        names = self._names or ()
        self._pending.update(group)
        self._tally.waiting = {name for name in names if not self._tally.has_finished(name)}
        self._asked = number + 1
        self._began = time.monotonic()
        if number == 0:
            self._sent = time.time()
        try:
            await self._collector.send(self.request.message, group, **self._options())
        except Unroutable as error:
            self.exchange_missing = error.missing
            return
        self._began = self._collector.confirmed_at
        if not self._is_kept:
            self._keep(interrupted=True)
        self._done.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._time_left):
                await self._caught_up()
                await self._done.wait()
                return
        await self._caught_up()

    async def _caught_up(self) -> None:
        """Wait until what has arrived is taken."""
        self._looked.clear()
        self._set_mark()
        await self._looked.wait()

    def _set_mark(self) -> None:
        """What has arrived by now is to be taken; what comes after it may be without end."""
        self._mark = self._collector.arrived
        self._collector.wake()

    def _look(self) -> None:
        """Everything that had arrived is taken: is that all?"""
        self._looked.set()
        if self._is_done:
            self._done.set()

    @property
    def _is_done(self) -> bool:
        """Whether those of the group that is asked have finished."""
        if self._names:
            return not self._tally.waiting and not self._tally.is_busy(self._names)
        if self._plan.expected is not None and 0 < self._plan.expected.count <= self._answered:
            return True
        return self._tally.targets_finished  # then nobody else can

    @property
    def _time_left(self) -> float:
        began = self._began or time.monotonic()
        return began + self.request.patience - time.monotonic()

    @property
    def _answered(self) -> int:
        """How many have answered, Ruby servers among them."""
        return self._tally.answered_at_all

    @property
    def _not_asked(self) -> tuple[str, ...]:
        if self.request.batches is None:
            return ()
        return tuple(name for group in self._plan.groups[self._asked :] for name in group)

    def _missing(self) -> set[str]:
        expected = self._plan.expected
        if expected is None or expected.names is None:
            return set()
        return {name for name in expected.names if not self._tally.has_finished(name)}.difference(
            self._not_asked
        )

    def _unexpected(self) -> tuple[str, ...]:
        expected = self._plan.expected
        if expected is None or expected.names is None:
            return ()
        return tuple(sorted((self._tally.finished | self._tally.originals) - expected.names))

    def _is_too_bad(self, most: int | None) -> bool:
        """Whether more than *most* of those that were asked have failed, or have not finished."""
        if most is None:
            return False
        self._pending = {name for name in self._pending if not self._tally.has_finished(name)}
        return len(self._pending | self._tally.failed_names()) > most

    def _is_complete(self, missing: int) -> bool:
        """Whether it has ended because there was nobody left to wait for."""
        if self._ended is None or missing or self._not_asked:
            return False
        if self._plan.expected is not None:
            return True
        return self._tally.targets_finished and not self._collector.unroutable

    def _options(self) -> dict[str, Any]:
        """Those of the command."""
        request = self.request
        return {"expires": request.expires, "where": request.where, "splay": request.splay}

    def _keep(self, *, interrupted: bool) -> None:
        if self._runs is None or self.message_id is None:
            return
        self._is_kept = True
        expected = self._plan.expected
        self._runs.keep(
            Run(
                result=self.result(interrupted=interrupted),
                deadline=time.time() + self._time_left,
                expected=None if expected is None else expected.names,
                answered=frozenset(self._tally.finished | self._tally.originals),
            )
        )
