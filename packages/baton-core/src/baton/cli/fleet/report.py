"""What a command to a fleet prints, in each style: each reply as it comes, and the result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from baton.cli.fleet.answers import Answers, row_as_json
from baton.cli.fleet.histogram import BLOCKS, histogram
from baton.cli.fleet.options import Style
from baton.cli.fleet.printer import Printer
from baton.cli.fleet.summary import hint, name_of, summary
from baton.cli.terminal import Terminal, plain

if TYPE_CHECKING:
    from baton.cli.fleet.collecting import Question
    from baton.cli.fleet.progress import Progress
    from baton.fleet import Reply, Result


class Report(Protocol):
    """Prints what comes of one command."""

    def reply(self, reply: Reply) -> None:
        """A reply has come. It need not be seen before :meth:`flush`."""

    def flush(self) -> None:
        """No other reply is here yet."""

    def finish(self, result: Result) -> None:
        """No more will come."""


class TextReport:
    """A line for each reply, then a summary. *progress* is out of the way while it prints."""

    def __init__(self, out: Terminal, progress: Progress, question: Question) -> None:
        self._out = out
        self._progress = progress
        self._printer = Printer(out, progress)
        self._answers = Answers(question.describe, question.names)
        self._details = question.details
        self._graph = question.fleet.graph
        self._has_printed = False

    def reply(self, reply: Reply) -> None:
        """A line, if it says anything, and what there is to say below it."""
        line = self._answers.line(reply)
        if line is None:
            return
        self._printer.say(line, cut=True)
        self._has_printed = True
        if self._details is not None and reply.is_output:
            for text in self._details(reply):
                self._printer.say(plain(text), cut=True)

    def flush(self) -> None:
        """Show them."""
        self._printer.flush()

    def finish(self, result: Result) -> None:
        """A summary."""
        self._printer.flush()
        self._progress.clear()
        if self._has_printed:
            self._out.write("\n")
        for line in summary(result, self._out.width):
            self._out.say(line)
        if self._graph and result.latency is not None:
            ascii_only = not self._out.can_show(f"≤{BLOCKS}")
            for line in histogram(result.latency, self._out.width, ascii_only=ascii_only):
                self._out.say(line, cut=True)
        later = hint(result)
        if later is not None:
            self._out.say(plain(later, "quiet"))


class NamesReport:
    """The names of those that have done it, each once, and nothing else."""

    def __init__(self, out: Terminal, progress: Progress) -> None:
        self._progress = progress
        self._printer = Printer(out, progress)
        self._printed: set[str] = set()

    def reply(self, reply: Reply) -> None:
        """A name, if it has done it."""
        name = reply.fqdn
        if name and name not in self._printed and (reply.succeeded or reply.original):
            self._printed.add(name)
            self._printer.say(plain(name_of(name)))

    def flush(self) -> None:
        """Show them."""
        self._printer.flush()

    def finish(self, result: Result) -> None:
        """Nothing more."""
        self._printer.flush()
        self._progress.clear()


class JsonReport:
    """One document, at the end; its replies are a line each."""

    def __init__(self, out: Terminal, progress: Progress) -> None:
        self._out = out
        self._progress = progress
        self._rows: list[str] = []

    def reply(self, reply: Reply) -> None:
        """Keep it, as text: that is smaller."""
        self._rows.append(row_as_json(reply))

    def flush(self) -> None:
        """Nothing: it is one document."""

    def finish(self, result: Result) -> None:
        """The document."""
        from baton.fleet import to_document  # noqa: PLC0415

        self._progress.clear()
        begin = json.dumps(to_document(result), indent=2).removesuffix("\n}")
        rows = ",".join(f"\n    {row}" for row in self._rows) + ("\n  " if self._rows else "")
        self._out.write(f'{begin},\n  "replies": [{rows}]\n}}\n')


class JsonLinesReport:
    """A line for each reply, ``{"reply": …}``, and one for the result, ``{"result": …}``."""

    def __init__(self, out: Terminal, progress: Progress) -> None:
        self._progress = progress
        self._printer = Printer(out, progress)

    def reply(self, reply: Reply) -> None:
        """A line."""
        self._printer.write(f'{{"reply": {row_as_json(reply)}}}\n')

    def flush(self) -> None:
        """Show them."""
        self._printer.flush()

    def finish(self, result: Result) -> None:
        """The last line."""
        from baton.fleet import to_document  # noqa: PLC0415

        self._printer.write(f"{json.dumps({'result': to_document(result)})}\n")
        self._printer.flush()
        self._progress.clear()


def make_report(style: Style, out: Terminal, progress: Progress, text: Report) -> Report:
    """The report in *style*; *text* is the one for people."""
    match style:
        case Style.NAMES:
            return NamesReport(out, progress)
        case Style.JSON:
            return JsonReport(out, progress)
        case Style.JSON_LINES:
            return JsonLinesReport(out, progress)
        case Style.TEXT:
            return text
