"""``baton add``: more parts for an extension that ``baton new`` has made."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from baton.cli.exit_codes import WRONG_USE
from baton.cli.options import FilePath

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def add() -> None:
    """Add a part to the extension in this folder."""


@add.command()
@click.argument("name")
@click.option(
    "-C",
    "--project",
    type=FilePath(),
    default=".",
    help="The folder of the extension. [default: this one]",
)
def consumer(name: str, project: Path) -> None:
    """Add a consumer called NAME, with its test, and register it in the service.

    It listens on its own name before each key of the server, such as NAME.production.
    """
    from baton_template.extending import add_consumer, find_project  # noqa: PLC0415
    from baton_template.naming import Refused, part_names_of  # noqa: PLC0415

    try:
        names = part_names_of(name)
        found = find_project(project)
        paths = add_consumer(found, names)
    except Refused as error:
        click.echo(f"baton: {error}", err=True)
        sys.exit(WRONG_USE)
    *made, changed = paths
    for path in made:
        click.echo(f"{path} is made")
    click.echo(f"{changed} adds it to the service\n")
    click.echo("Restart the service, then:\n")
    message = f'\'{{"type":"{names.short}"}}\''
    click.echo(f"  baton send {found.short} {names.short}.production {message} --wait")
