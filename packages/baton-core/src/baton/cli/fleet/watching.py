"""``--watch``: a fleet on a screen of its own, asked again and again until somebody ends it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from baton.cli.exit_codes import DONE
from baton.cli.fleet.collecting import Outcome, Question
from baton.cli.fleet.interruption import Interruption
from baton.cli.fleet.progress import Progress
from baton.cli.fleet.rounds import Rounds, total
from baton.cli.fleet.summary import summary
from baton.cli.terminal import Line, Span, Terminal, cells, fit, pad, plain
from baton.text import printable

if TYPE_CHECKING:
    from baton.cli.fleet.series import Series, Track
    from baton.fleet import Reply, Result

_ENTER: Final = "\x1b[?1049h\x1b[?25l"
_LEAVE: Final = "\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_CLEAR_LINE: Final = "\x1b[K"
_CLEAR_BELOW: Final = "\x1b[J"
_WIDEST: Final = 48
_NARROWEST: Final = 6


def watch(question: Question) -> int:
    """Show the fleet until Ctrl-C or SIGTERM, and return the exit code. Raises a UsageError where
    standard output is no terminal that can be repainted."""
    out = Terminal()
    if not out.can_repaint:
        raise click.UsageError("--watch needs a terminal: --count prints a line each time")
    interruption = Interruption()
    rounds = Rounds(question, interruption)
    # The screen is the progress.
    progress = Progress(out, enabled=False)
    screen = _Screen(out, question, rounds)

    async def run() -> None:
        screen.paint(None)
        while interruption.exit_code is None:
            began = time.monotonic()
            outcome = await rounds.run(screen, progress)
            if interruption.exit_code is None:
                screen.paint(outcome)
                await rounds.pause(began)

    with _own_screen(out):
        interruption.run(run())
    if rounds.series.rounds:
        for line in total(rounds.series, out.width):
            out.say(line)
    return interruption.exit_code or DONE


@contextmanager
def _own_screen(out: Terminal) -> Iterator[None]:
    out.control(_ENTER)
    try:
        yield
    finally:
        out.control(_LEAVE)


class _Screen:
    """Paints what is known after each round."""

    def __init__(self, out: Terminal, question: Question, rounds: Rounds) -> None:
        self._out = out
        self._question = question
        self._rounds = rounds

    def reply(self, reply: Reply) -> None:
        """Nothing: a server is shown when the round is over."""

    def flush(self) -> None:
        """Nothing."""

    def finish(self, result: Result) -> None:
        """Nothing: what came of it is painted."""

    def paint(self, outcome: Outcome | None) -> None:
        """Paint the whole screen at once, without clearing it first: that would flicker. *outcome*
        is None if nobody could be asked."""
        width, height = self._out.width or 80, self._out.height
        head = [*list(self._head(outcome))[: max(2, height // 3)], ()]
        rows = list(screen_rows(self._rounds.series, max(0, height - len(head) - 1), width))
        lines = [fit(line, width - 1) for line in (*head, *rows)][: height - 1]
        painted = "".join(f"{self._out.render(line)}{_CLEAR_LINE}\n" for line in lines)
        self._out.control(_HOME)
        self._out.write(painted)
        self._out.control(_CLEAR_BELOW)

    def _head(self, outcome: Outcome | None) -> Iterator[Line]:
        targets = printable(" ".join(self._question.request.targets))
        when = f"every {self._question.fleet.pause:g} s, round {self._rounds.series.rounds:,}"
        yield (
            Span(f"{self._question.extension.name} {targets}", "strong"),
            Span(f"  {when}, {time.strftime('%H:%M:%S')}, Ctrl-C ends it", "quiet"),
        )
        if self._rounds.error is not None:
            yield plain(printable(str(self._rounds.error)), "bad")
        elif outcome is not None:
            title, *more = summary(outcome.result)
            yield title
            for sentence in outcome.complaints:
                yield plain(sentence, "bad")
            yield from more


def screen_rows(series: Series, height: int, width: int) -> Iterator[Line]:
    """A row for each server in *height* lines: first those that are lost or failing."""
    ranked = sorted(series.tracks.items(), key=_rank)
    if not ranked or height < 2:
        return
    room = height - 1
    shown = ranked if len(ranked) <= room else ranked[: room - 1]
    longest = max((cells(name) for name, _ in shown), default=0)
    column = max(_NARROWEST, min(_WIDEST, longest, width // 2))
    yield plain(f"  {pad('server', column)}{_columns('last', 'lost', 'avg', 'max')}", "quiet")
    for name, track in shown:
        yield _row(name, track, column)
    if len(shown) < len(ranked):
        yield plain(f"  … and {len(ranked) - len(shown):,} more", "quiet")


def _rank(each: tuple[str, Track]) -> tuple[int, str]:
    name, track = each
    if track.lost and track.last is None:
        return 0, name
    if track.is_failing:
        return 1, name
    return (2 if track.lost else 3), name


def _row(name: str, track: Track, column: int) -> Line:
    is_lost = track.asked > 0 and track.last is None
    mark, look = ("x", "bad") if is_lost else ("!", "warning") if track.is_failing else (" ", "")
    (shown,) = fit(plain(name), column)
    lost = f"{track.lost:,}/{track.asked:,}" if track.lost else "-"
    return (
        Span(f"{mark} {pad(shown.text, column)}", look),
        Span(_columns(_ms(track.last))),
        Span(_columns(lost), "bad" if track.lost else ""),
        Span(_columns(_ms(track.average), _ms(track.slowest))),
        Span(f"  {printable(track.said)}", "warning" if track.is_failing else "quiet"),
    )


def _columns(*texts: str) -> str:
    return "".join(f"  {text:>8}" for text in texts)


def _ms(seconds: float | None) -> str:
    return f"{seconds * 1000:,.1f}" if seconds else "-"
