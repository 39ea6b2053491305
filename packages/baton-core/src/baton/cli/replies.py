"""``baton replies``: what became of a command since, as a monitor saw it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from baton.cli.exit_codes import DONE, NO
from baton.text import printable, shorten

if TYPE_CHECKING:
    from baton.fleet import Result

_LONGEST: Final = 60
"""Characters of a run's targets."""


@click.command()
@click.argument("run", metavar="[ID]", required=False)
@click.option("--from", "url", metavar="URL", help="A monitor, which is asked what it saw since.")
@click.option(
    "--list", "as_list", is_flag=True, help="List the runs that are kept, the last first."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document; with --list a list.")
def replies(run: str | None, url: str | None, as_list: bool, as_json: bool) -> None:
    """Print what became of a command that was sent to a fleet.

    ID is what its id begins with; without one it is the last command. With --from, those that
    answered after the deadline are late, and not missing any more. Exits with 1 if somebody is
    still missing, or has not done it.
    """
    if as_list:
        if run is not None or url is not None:
            raise click.UsageError("--list takes no ID and no --from")
        _print_list(as_json)
        return
    if run == "":  # of a script's variable, perhaps, that was not set
        raise click.BadParameter("It is empty: without it, it is the last run", param_hint="ID")
    result = _find(run or "", url)
    if as_json:
        from baton.fleet import to_document  # noqa: PLC0415

        click.echo(json.dumps(to_document(result), indent=2))
    else:
        _print(result)
    sys.exit(DONE if result.succeeded else NO)


def _find(run: str, url: str | None) -> Result:
    from baton.fleet import join, load_run  # noqa: PLC0415
    from baton.fleet.monitor_api import MonitorAPI  # noqa: PLC0415

    found = load_run(run.lower())
    if url is None:
        return found.result
    return join(found, MonitorAPI(url).replies(found.result.message_id))


def _print(result: Result) -> None:
    from baton.cli.fleet.summary import complaints, summary  # noqa: PLC0415
    from baton.cli.terminal import Terminal, plain  # noqa: PLC0415

    out = Terminal()
    out.say(plain(f"{_when(result)}  {_what(result)}  {result.message_id}", "quiet"))
    for line in summary(result, out.width):
        out.say(line)
    err = Terminal(err=True)
    for sentence in complaints(result):
        err.say(plain(f"baton: {sentence}"))


def _print_list(as_json: bool) -> None:
    from baton.fleet import Runs, to_document  # noqa: PLC0415

    runs = [run.result for run in Runs().all()]
    if as_json:
        click.echo(json.dumps([to_document(result) for result in runs], indent=2))
        return
    if not runs:
        click.echo("No run is kept.", err=True)
        return
    _print_rows(runs)


def _print_rows(results: Sequence[Result]) -> None:
    from baton.cli.fleet.summary import answered, short_id  # noqa: PLC0415
    from baton.cli.terminal import Span, Terminal  # noqa: PLC0415

    out = Terminal()
    column = max(len(answered(result)) for result in results)
    for result in results:
        look = "" if result.succeeded else "bad"
        begin = f"{short_id(result)}  {_when(result)}  "
        count = f"{answered(result):<{column}}"
        out.say((Span(begin), Span(count, look), Span(f"  {_what(result)}")), cut=True)


def _when(result: Result) -> str:
    return datetime.fromtimestamp(result.sent).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _what(result: Result) -> str:
    targets = " ".join(result.targets)
    return printable(f"{result.extension} {result.type} {shorten(targets, _LONGEST)}")
