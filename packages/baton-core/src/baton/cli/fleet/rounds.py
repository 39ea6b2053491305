"""``--count``: asking a fleet several times, a line each, and an account at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from baton.cli.exit_codes import DONE, NO, exit_code
from baton.cli.fleet.collecting import Outcome, Question, collect
from baton.cli.fleet.interruption import Interruption
from baton.cli.fleet.options import Style
from baton.cli.fleet.progress import Progress
from baton.cli.fleet.report import JsonLinesReport, Report
from baton.cli.fleet.series import Series
from baton.cli.fleet.summary import answered, first_of, name_of
from baton.cli.terminal import Line, Terminal, plain, wrap
from baton.errors import BatonError, BrokerError, PublishTimeout
from baton.text import printable

if TYPE_CHECKING:
    from baton.cli.fleet.series import Track
    from baton.fleet import Reply, Result

_SHOWN_IN_ROUND: Final = 3
_COLUMN: Final = 17
AWAY: Final = (BrokerError, PublishTimeout)
"""What may be over in the next round."""


class Rounds:
    """Asks again and again; *series* keeps account. ``error`` is why the last round could not be
    asked, None if it was."""

    def __init__(self, question: Question, interruption: Interruption) -> None:
        expected = question.request.expected
        self.series = Series(
            question.describe, question.names, expected.count if expected is not None else 0
        )
        self.error: BatonError | None = None
        self._question = question
        self._interruption = interruption

    async def run(self, report: Report, progress: Progress) -> Outcome | None:
        """One round; None if the broker could not be reached. Raises that the first time, when it
        is more likely that something is misspelt."""
        self.error = None
        try:
            both = _Both(report, self.series)
            return await collect(self._question, both, progress, self._interruption)
        except AWAY as error:
            if not self.series.rounds:
                raise
            self.error = error
            self.series.finish(None)
            return None

    async def pause(self, began: float) -> None:
        """Wait for the next round; *began* is when the last one did, by the monotonic clock."""
        await asyncio.sleep(max(0.0, began + self._question.fleet.pause - time.monotonic()))


def repeat(question: Question) -> int:
    """Ask as often as ``--count`` says, and return the exit code."""
    out = Terminal()
    progress = Progress(Terminal(err=True), enabled=not out.is_pipe)
    interruption = Interruption()
    rounds = Rounds(question, interruption)
    is_text = question.fleet.style is Style.TEXT
    report: Report = _RoundReport(out) if is_text else JsonLinesReport(out, progress)

    async def run() -> None:
        for number in range(1, (question.fleet.rounds or 1) + 1):
            began = time.monotonic()
            outcome = await rounds.run(report, progress)
            if outcome is not None:
                outcome.complain()
            if rounds.error is not None:
                Terminal(err=True).say(plain(f"baton: {printable(str(rounds.error))}"))
            if interruption.exit_code is not None:
                return
            if number != question.fleet.rounds:
                await rounds.pause(began)

    interruption.run(run())
    if is_text and rounds.series.rounds:
        out.write("\n")
        for line in total(rounds.series, out.width):
            out.say(line)
    if interruption.exit_code is not None:
        return interruption.exit_code
    if rounds.error is not None:
        return exit_code(rounds.error)
    return DONE if rounds.series.is_good else NO


def total(series: Series, width: int | None = None) -> Iterator[Line]:
    """The account of *series*; names are wrapped to *width* columns."""
    noun = "round" if series.rounds == 1 else "rounds"
    counts = f"{series.answered:,} of {series.asked:,} answers came, {_share(series.loss)} lost"
    yield plain(f"{series.rounds:,} {noun}: {counts}", "strong" if series.is_good else "bad")
    times = series.times()
    if times is not None:
        average, slowest = (f"{each * 1000:,.1f}" for each in times)
        yield plain(f"{'round trip':<{_COLUMN}}avg {average}, max {slowest} ms")
    lost = list(series.lost())
    if lost:
        shown = first_of(lost, _loss)
        for text in wrap(f"{f'lost ({len(lost):,})':<{_COLUMN}}", shown, width, _COLUMN):
            yield plain(text, "bad")


class _RoundReport:
    """A line for a round."""

    def __init__(self, out: Terminal) -> None:
        self._out = out

    def reply(self, reply: Reply) -> None:
        """Nothing: it is one of many."""

    def flush(self) -> None:
        """Nothing."""

    def finish(self, result: Result) -> None:
        """The line."""
        clock = time.strftime("%H:%M:%S", time.localtime(result.sent))
        look = "" if result.succeeded else "bad"
        self._out.say(plain(f"{clock}  {', '.join(_parts(result))}", look))


def _loss(lost: tuple[str, Track]) -> str:
    name, track = lost
    return f"{name} {track.lost:,} of {track.asked:,}"


def _parts(result: Result) -> Iterator[str]:
    yield answered(result)
    if result.latency is not None:
        average, slowest = result.latency.average * 1000, result.latency.maximum * 1000
        yield f"avg {average:,.1f}, max {slowest:,.1f} ms"
    if result.errors:
        yield f"{len(result.errors):,} failed"
    if result.interrupted:
        yield "interrupted"
    if result.missing:
        names = ", ".join(map(name_of, islice(result.missing, _SHOWN_IN_ROUND)))
        more = len(result.missing) - _SHOWN_IN_ROUND
        yield f"missing: {names}" + (f" and {more:,} more" if more > 0 else "")


def _share(share: float) -> str:
    """*share* in percent: not 0 or 100 where it is only nearly so.

    >>> _share(0.00001), _share(0.5), _share(1)
    ('0.1%', '50.0%', '100%')
    """
    if share in (0, 1):
        return f"{share:.0%}"
    return f"{min(99.9, max(0.1, share * 100)):.1f}%"


class _Both:
    """Tells a report, and keeps account. A round that was interrupted is none: those that had no
    time to answer were not lost."""

    def __init__(self, report: Report, series: Series) -> None:
        self._report = report
        self._series = series

    def reply(self, reply: Reply) -> None:
        """To both."""
        self._series.reply(reply)
        self._report.reply(reply)

    def flush(self) -> None:
        """To the report."""
        self._report.flush()

    def finish(self, result: Result) -> None:
        """To both."""
        if not result.interrupted:
            self._series.finish(result)
        self._report.finish(result)
