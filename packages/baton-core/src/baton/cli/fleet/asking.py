"""Asking a fleet from the command line: once, several times, or until somebody ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from baton.cli.exit_codes import DONE, NO
from baton.cli.fleet.collecting import collect
from baton.cli.fleet.interruption import Interruption
from baton.cli.fleet.progress import Progress
from baton.cli.fleet.report import TextReport, make_report
from baton.cli.terminal import Terminal

if TYPE_CHECKING:
    from baton.cli.fleet.collecting import Question


def ask(question: Question) -> int:
    """Ask, print what comes of it, and return the exit code. Raises a UsageError for ``--watch``
    where there is no terminal, and what a collection raises."""
    if question.request.where and question.configuration.interop:
        warning = "baton: Servers that run the Ruby Baton do not know --where: they all do it"
        click.echo(warning, err=True)
    if question.fleet.watch:
        from baton.cli.fleet.watching import watch  # noqa: PLC0415

        return watch(question)
    if question.fleet.rounds != 1:
        from baton.cli.fleet.rounds import repeat  # noqa: PLC0415

        return repeat(question)
    return _ask_once(question)


def _ask_once(question: Question) -> int:
    from baton.fleet import Runs  # noqa: PLC0415

    out = Terminal()
    progress = Progress(Terminal(err=True), enabled=not out.is_pipe)
    text = TextReport(out, progress, question)
    report = make_report(question.fleet.style, out, progress, text)
    interruption = Interruption()

    async def once() -> int:
        outcome = await collect(question, report, progress, interruption, Runs())
        outcome.complain()
        return DONE if outcome.result.succeeded else NO

    code = interruption.run(once())
    return interruption.exit_code or code or DONE
