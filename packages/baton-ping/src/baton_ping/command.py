"""``baton ping``: who is there?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from baton.cli.fleet.options import FleetOptions, fleet_options
from baton.cli.options import broker_options, load_configuration
from baton_ping.extension import extension

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--facts", "with_facts", is_flag=True, help="Ask for the facts of each server, too.")
@fleet_options
@broker_options(extension.name)
def ping(
    targets: tuple[str, ...],
    with_facts: bool,
    fleet: FleetOptions,
    config: Path | None,
    url: str | None,
) -> None:
    """Ping servers and print who answers, who does not, and how fast.

    A TARGET is an environment, <app>.<environment>, or the name of a server. Exits with 1 if
    nobody listens on one of them or answers there, if a server that was expected is missing, or
    if one answers with an error.
    """
    keys = fleet.keys(targets)
    configuration = load_configuration(extension.name, config, url)
    from baton.cli.fleet.asking import ask  # noqa: PLC0415
    from baton.cli.fleet.collecting import Question  # noqa: PLC0415
    from baton_ping.text import facts, place  # noqa: PLC0415

    request = fleet.request({"type": "facts" if with_facts else "ping"}, keys)
    details = facts if with_facts else None
    sys.exit(ask(Question(configuration, extension, request, fleet, place, details)))
