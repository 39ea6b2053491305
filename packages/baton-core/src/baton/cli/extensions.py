"""``baton extensions``: what is installed."""

from __future__ import annotations

import json
import sys

import click

from baton.cli.exit_codes import NO
from baton.extension import installed_extensions


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def extensions(as_json: bool) -> None:
    """List the installed extensions."""
    found = list(installed_extensions())
    if as_json:
        rows = [
            {
                "name": each.extension.name if each.extension else each.entry_point,
                "version": each.version,
                "distribution": each.distribution,
                "summary": each.extension.summary if each.extension else "",
                "error": each.error,
            }
            for each in found
        ]
        click.echo(json.dumps(rows, indent=2))
    elif not found:
        click.echo("No extension is installed. Try: pip install baton-ping")
    else:
        for each in found:
            name = each.extension.name if each.extension else each.entry_point
            summary = each.extension.summary if each.extension else f"broken: {each.error}"
            click.echo(f"{each.entry_point:<16} {name} {each.version:<10} {summary}")
    if any(each.error for each in found):
        sys.exit(NO)
