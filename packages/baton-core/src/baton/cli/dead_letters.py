"""``baton dead-letters``: the durable commands that were given up, and what to do about them."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from baton.cli.exit_codes import DONE, NO
from baton.cli.options import Seconds, broker_options, load_configuration

if TYPE_CHECKING:
    from pathlib import Path

    from baton.configuration import Configuration
    from baton.dead_letters import DeadLetters, Letter
    from baton.extension import Extension

Answer = TypeVar("Answer")

_ASKED: Final = 3
"""Letters that a question names."""


@click.group()
def dead_letters() -> None:
    """Durable commands that were rejected, or delivered too often.

    EXTENSION is ping or baton-ping. ID is what the id of a letter, or of its command, begins with;
    the whole id of a command means all of its letters.
    """


_ids = click.argument("ids", metavar="[ID]...", nargs=-1)
_all = click.option("--all", "everything", is_flag=True, help="All of them, instead of an ID.")


@dead_letters.command("list")
@click.argument("extension")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.option("--jsonl", is_flag=True, help="Print a JSON document of each letter, one a line.")
@broker_options("<extension>")
def list_(extension: str, as_json: bool, jsonl: bool, config: Path | None, url: str | None) -> None:
    """List the dead letters of EXTENSION, the oldest first.

    Says, too, how many of its durable commands expired within the last day. Nothing is changed.
    """
    if as_json and jsonl:
        raise click.UsageError("--json and --jsonl exclude each other")
    found, configuration = _settings(extension, config, url)
    _run(_list(configuration, found, as_json, jsonl))


@dead_letters.command()
@click.argument("extension")
@click.argument("id", metavar="ID")
@click.option("--from", "monitor", metavar="URL", help="A monitor, which is asked what was wrong.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of documents.")
@broker_options("<extension>")
def show(
    extension: str,
    id: str,
    monitor: str | None,
    as_json: bool,
    config: Path | None,
    url: str | None,
) -> None:
    """Print all that is known of the dead letter ID of EXTENSION.

    With --from, also the errors that a monitor saw of that command on that server.
    """
    from baton.cli.letter_views import documents_as_text, full_document, page  # noqa: PLC0415

    names = _names((id,), everything=False) or ()
    asked = _monitor(monitor)
    found, configuration = _settings(extension, config, url)
    letters = _run(_find(configuration, found, names))
    errors = [asked(letter) for letter in letters]
    if as_json:
        documents = [
            full_document(letter, said) for letter, said in zip(letters, errors, strict=True)
        ]
        click.echo(documents_as_text(documents))
        return
    pages = [page(letter, said) for letter, said in zip(letters, errors, strict=True)]
    click.echo("\n\n".join(pages))


@dead_letters.command()
@click.argument("extension")
@_ids
@_all
@click.option(
    "--expires",
    type=Seconds(),
    metavar="S",
    help="After which it is not started any more. [default: the setting EXPIRES]",
)
@broker_options("<extension>")
def retry(
    extension: str,
    ids: tuple[str, ...],
    everything: bool,
    expires: float | None,
    config: Path | None,
    url: str | None,
) -> None:
    """Have dead letters of EXTENSION done once more, each by the server that it died on.

    Prints each with the id of the new command. One whose server's queue has gone stays, and so
    does one of which no command can be made; then it exits with 1.
    """
    names = _names(ids, everything)
    found, configuration = _settings(extension, config, url)
    sys.exit(_run(_retry(configuration, found, names, expires)))


@dead_letters.command()
@click.argument("extension")
@_ids
@_all
@click.option("-y", "--yes", is_flag=True, help="Do not ask, on a terminal.")
@broker_options("<extension>")
def drop(
    extension: str,
    ids: tuple[str, ...],
    everything: bool,
    yes: bool,
    config: Path | None,
    url: str | None,
) -> None:
    """Delete dead letters of EXTENSION for good.

    On a terminal it asks first.
    """
    names = _names(ids, everything)
    found, configuration = _settings(extension, config, url)
    chosen: frozenset[str] | None = None
    if not yes and sys.stdin is not None and sys.stdin.isatty():
        letters = _run(_chosen(configuration, found, names))
        if letters and not click.confirm(_question(letters, found)):
            click.echo("Nothing was dropped.", err=True)
            sys.exit(NO)
        chosen = frozenset(letters)
    _run(_drop(configuration, found, names, chosen))


def _names(ids: tuple[str, ...], everything: bool) -> tuple[str, ...] | None:
    """The names of letters; None for all of them."""
    if everything == bool(ids):
        raise click.UsageError("Name one ID or more, or --all")
    if not all(ids):  # of a script's variable, perhaps, that was not set
        raise click.BadParameter("It is empty", param_hint="ID")
    return None if everything else ids


def _settings(
    extension: str, config: Path | None, url: str | None
) -> tuple[Extension, Configuration]:
    from baton.extension import find_extension  # noqa: PLC0415

    found = find_extension(extension)
    return found, load_configuration(found.name, config, url)


def _run(coroutine: Coroutine[Any, Any, Answer]) -> Answer:
    import asyncio  # noqa: PLC0415

    return asyncio.run(coroutine)


@asynccontextmanager
async def _opened(configuration: Configuration, extension: Extension) -> AsyncIterator[DeadLetters]:
    """The dead letters; those of an extension that neither this server nor the broker knows are a
    ConfigurationError."""
    from baton.dead_letters import DeadLetters  # noqa: PLC0415
    from baton.extension import require_extension  # noqa: PLC0415

    async with DeadLetters(configuration, extension) as dead:
        if dead.waiting is None:
            require_extension(extension.name)
        yield dead


async def _list(
    configuration: Configuration, extension: Extension, as_json: bool, jsonl: bool
) -> None:
    from baton.cli.letter_views import document, row, table, totals  # noqa: PLC0415

    async with _opened(configuration, extension) as dead:
        if jsonl:
            async for letter in dead.letters():
                click.echo(json.dumps(document(letter)))
            return
        # No letter is kept: a body may be long.
        if as_json:
            documents = [document(letter) async for letter in dead.letters()]
            whole = {
                "extension": extension.name,
                "known": dead.waiting is not None,
                "expired": dead.expired,
                "letters": documents,
            }
            click.echo(json.dumps(whole, indent=2))
            return
        rows = [row(letter) async for letter in dead.letters()]
        table(rows)
        click.echo(totals(extension.name, len(rows), dead))


async def _find(
    configuration: Configuration, extension: Extension, names: Sequence[str]
) -> list[Letter]:
    async with _opened(configuration, extension) as dead:
        return await dead.find(names)


async def _retry(
    configuration: Configuration,
    extension: Extension,
    names: Sequence[str] | None,
    expires: float | None,
) -> int:
    from baton.cli.letter_views import where  # noqa: PLC0415
    from baton.errors import Unroutable  # noqa: PLC0415

    code = DONE
    async with _opened(configuration, extension) as dead:
        async for letter, outcome in dead.retry_all(_each(dead, names), expires):
            if isinstance(outcome, str):
                click.echo(f"{letter.id}  {where(letter)}  retried as {outcome}")
                continue
            has_gone = isinstance(outcome, Unroutable)
            reason = "the queue of that server has gone" if has_gone else str(outcome)
            click.echo(f"baton: {letter.id}  {where(letter)}: {reason}, it stays", err=True)
            code = NO
    return code


async def _chosen(
    configuration: Configuration, extension: Extension, names: Sequence[str] | None
) -> dict[str, str]:
    """The ids of those that are meant, and what they are."""
    from baton.cli.letter_views import where  # noqa: PLC0415

    async with _opened(configuration, extension) as dead:
        return {letter.id: where(letter) async for letter in _each(dead, names)}


def _question(letters: dict[str, str], extension: Extension) -> str:
    shown = ", ".join(f"{each} ({letters[each]})" for each in list(letters)[:_ASKED])
    more = ", …" if len(letters) > _ASKED else ""
    noun = "letter" if len(letters) == 1 else "letters"
    return f"Drop {len(letters):,} dead {noun} of {extension.name}: {shown}{more}?"


async def _drop(
    configuration: Configuration,
    extension: Extension,
    names: Sequence[str] | None,
    chosen: frozenset[str] | None,
) -> None:
    """Drop those that *names* mean, or whose ids were *chosen*."""
    from baton.cli.letter_views import where  # noqa: PLC0415

    async with _opened(configuration, extension) as dead:
        async for letter in _each(dead, names if chosen is None else None):
            if chosen is None or letter.id in chosen:
                dead.drop(letter)
                click.echo(f"{letter.id}  {where(letter)}  dropped")


async def _each(dead: DeadLetters, names: Sequence[str] | None) -> AsyncIterator[Letter]:
    """Those that *names* mean; all of them as they come, if it is None."""
    if names is None:
        async for letter in dead.letters():
            yield letter
    else:
        for letter in await dead.find(names):
            yield letter


def _monitor(url: str | None) -> Callable[[Letter], list[str]]:
    """What is asked for the errors of a letter; ConfigurationError for a *url* that is none."""
    if url is None:
        return lambda _: []
    from baton.fleet.monitor_api import MonitorAPI  # noqa: PLC0415

    api = MonitorAPI(url)

    def ask(letter: Letter) -> list[str]:
        if letter.command is None:
            return []
        seen = [each for each in api.replies(letter.command) if each.fqdn == letter.server]
        failures = [each.failure for each in seen if each.type == "error"]
        return [f"{each.error_class}: {each.error_message}" for each in failures]

    return ask
