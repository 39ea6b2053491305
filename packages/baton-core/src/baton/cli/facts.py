"""``baton facts``: what this server knows of itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from baton.cli.exit_codes import NO
from baton.cli.options import broker_options, load_configuration
from baton.cli.terminal import Terminal
from baton.text import printable, shorten

if TYPE_CHECKING:
    from pathlib import Path

    from baton.facts import Facts

_WIDEST: Final = 32
"""Characters that the column of names is widened to at most."""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.option(
    "--extension",
    metavar="NAME",
    help="The extension whose file is read by default. [default: none]",
)
@broker_options("<extension>")
def facts(
    names: tuple[str, ...],
    as_json: bool,
    extension: str | None,
    config: Path | None,
    url: str | None,
) -> None:
    """Print what this server knows of itself, and where each fact came from.

    First who it is: its name, its environment, its applications, and the routing keys that it
    listens on. With NAMEs, only the values of these are printed, a line each; exits with 1 if one
    is not known.
    """
    from baton.extension import find_extension  # noqa: PLC0415
    from baton.facts import Facts  # noqa: PLC0415
    from baton.server import identify  # noqa: PLC0415

    name = find_extension(extension).name if extension else None
    configuration = load_configuration(name, config, url)
    gathered = Facts.gather(configuration)
    server, sources = identify(configuration, gathered)
    identity = {
        "fqdn": server.fqdn,
        "environment": server.environment,
        "app_names": list(server.app_names),
        "routing_keys": list(server.routing_keys),
    }
    known = {**gathered.values, **identity}
    if names:
        _print_values({each: known[each] for each in names if each in known}, as_json)
        unknown = [f'"{printable(each)}"' for each in names if each not in known]
        if unknown:
            click.echo(f"baton: No fact is called {', '.join(unknown)}", err=True)
            sys.exit(NO)
    elif as_json:
        origins = {**sources, "facts": gathered.sources}
        document = {**identity, "facts": gathered.values, "sources": origins}
        click.echo(json.dumps(document, indent=2))
    else:
        _print_rows(_row(key, value, sources.get(key)) for key, value in identity.items())
        for source, group in _by_source(gathered).items():
            click.echo(f"\n{printable(source)}:")
            _print_rows(_row(f"  {key}", value) for key, value in group.items())


def _print_values(values: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(values, indent=2))
    else:
        for value in values.values():
            click.echo(_shown(value))


def _by_source(facts: Facts) -> dict[str, dict[str, Any]]:
    """What is built in comes first."""
    from baton.facts import BUILT_IN  # noqa: PLC0415

    groups: dict[str, dict[str, Any]] = {}
    for name, source in sorted(facts.sources.items(), key=lambda each: each[1] != BUILT_IN):
        groups.setdefault(source, {})[name] = facts.values[name]
    return groups


def _row(name: str, value: Any, source: str | None = None) -> tuple[str, str]:
    note = f"  ({printable(source)})" if source else ""
    return printable(name), f"{_shown(value)}{note}"


def _print_rows(rows: Iterable[tuple[str, str]]) -> None:
    """Print names and what belongs to them, cut to the width of a terminal."""
    rows = list(rows)
    column = min(_WIDEST, max(len(name) for name, _ in rows))
    width = _width()
    for name, text in rows:
        line = f"{name:<{column}}  {text}"
        click.echo(line if width is None else shorten(line, width))


def _width() -> int | None:
    return Terminal().width


def _shown(value: Any) -> str:
    """*value* as it is, if it is a text that can be printed, else in JSON."""
    if isinstance(value, str) and value and value.isprintable():
        return value
    return printable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
