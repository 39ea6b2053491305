"""``baton {{ cookiecutter.__short }}``: how much does a folder hold?

``baton --help`` imports this module: what is heavy is imported where it is used.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from baton.cli.fleet.options import FleetOptions, fleet_options
from baton.cli.options import broker_options, load_configuration

from {{ cookiecutter.__package }}.extension import extension


@click.command("{{ cookiecutter.__short }}")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.argument("path")
@fleet_options
@broker_options(extension.name)
def command(
    targets: tuple[str, ...], path: str, fleet: FleetOptions, config: Path | None, url: str | None
) -> None:
    """Ask the servers of each TARGET how much the folder PATH holds.

    A TARGET is an environment, <app>.<environment>, or the name of a server. Exits with 1 if
    nobody answers there, if a server that was expected is missing, or if one answers with an error.
    """
    from baton.cli.fleet.asking import ask
    from baton.cli.fleet.collecting import Question

    from {{ cookiecutter.__package }}.messages import Measure
    from {{ cookiecutter.__package }}.text import answer

    request = fleet.request(Measure(path).to_message(), fleet.keys(targets))
    configuration = load_configuration(extension.name, config, url)
    sys.exit(ask(Question(configuration, extension, request, fleet, describe=answer)))
