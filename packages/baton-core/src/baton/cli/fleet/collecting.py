"""Asking a fleet once: each reply is reported as it comes, then what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baton.cli.fleet.summary import complaints
from baton.cli.terminal import Terminal, plain
from baton.errors import BatonError, BrokerUnavailable, PublishTimeout

if TYPE_CHECKING:
    from baton.cli.fleet.answers import Describe
    from baton.cli.fleet.interruption import Interruption
    from baton.cli.fleet.options import FleetOptions
    from baton.cli.fleet.progress import Progress
    from baton.cli.fleet.report import Report
    from baton.configuration import Configuration
    from baton.extension import Extension
    from baton.fleet import Collection, Reply, Request, Result, Runs

_UNCERTAIN: Final = (BrokerUnavailable, PublishTimeout)
"""After these nobody knows what became of a command that was published."""
_TICK: Final = 0.1
"""Seconds between two looks at the progress."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, of whom, and how the answers are shown.

    *describe* says what a line tells of an output, *details* what stands below that line.
    """

    configuration: Configuration
    extension: Extension
    request: Request
    fleet: FleetOptions
    describe: Describe
    details: Callable[[Reply], Iterable[str]] | None = None

    @property
    def exchange(self) -> str:
        """Where the command is published."""
        return self.configuration.exchange or self.extension.exchange

    @property
    def names(self) -> frozenset[str]:
        """The servers that are expected by name."""
        expected = self.request.expected
        return frozenset() if expected is None or expected.names is None else expected.names


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking once; *complaints* are sentences on who did not answer, and why."""

    result: Result
    complaints: tuple[str, ...]

    def complain(self) -> None:
        """Say them on standard error."""
        terminal = Terminal(err=True)
        for sentence in self.complaints:
            terminal.say(plain(f"baton: {sentence}"))


async def collect(
    question: Question,
    report: Report,
    progress: Progress,
    interruption: Interruption,
    runs: Runs | None = None,
) -> Outcome:
    """Ask once; *report* is told of each reply, and of the result, also if *interruption* ended it
    or the connection was lost. The run is kept in *runs*."""
    from baton.fleet import Collection  # noqa: PLC0415

    interrupted = False
    collection = Collection(
        question.configuration,
        question.extension,
        question.request,
        runs=runs,
        pausing=report.flush,
    )
    async with collection:
        try:
            async with _shown(collection, progress):
                try:
                    async for reply in collection:
                        report.reply(reply)
                finally:
                    report.flush()
        except asyncio.CancelledError:
            if not interruption.is_caught():
                raise
            interrupted = True
        except BatonError as error:
            result = collection.result(interrupted=True)
            # What was published and is not known to be refused may still be done.
            if result.answered or (result.took and isinstance(error, _UNCERTAIN)):
                report.finish(result)
            raise
        result = collection.result(interrupted=interrupted)
        report.finish(result)
        missing = collection.exchange_missing
    return Outcome(result, tuple(complaints(result, question.exchange, missing=missing)))


@asynccontextmanager
async def _shown(collection: Collection, progress: Progress) -> AsyncIterator[None]:
    """Show how far *collection* is, meanwhile."""

    async def show() -> None:
        while True:
            at = collection.progress
            progress.show(at.answered, at.expected, at.elapsed, at.timeout)
            await asyncio.sleep(_TICK)

    showing = asyncio.create_task(show())
    try:
        yield
    finally:
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing
        progress.clear()
