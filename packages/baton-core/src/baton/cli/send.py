"""``baton send``: publish any command to any extension."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from baton.cli.fleet.options import FleetOptions, fleet_options
from baton.cli.options import broker_options, load_configuration
from baton.errors import InvalidMessage

if TYPE_CHECKING:
    from pathlib import Path

    from baton.configuration import Configuration
    from baton.extension import Extension


@click.command()
@click.argument("extension")
@click.argument("keys", nargs=-1, metavar="KEY...")
@click.argument("message", metavar="JSON")
@click.option("--wait", is_flag=True, help="Wait for the replies, and print them.")
@fleet_options
@broker_options("<extension>")
def send(
    extension: str,
    keys: tuple[str, ...],
    message: str,
    wait: bool,
    fleet: FleetOptions,
    config: Path | None,
    url: str | None,
) -> None:
    """Publish a command to EXTENSION's servers that listen on one of the KEYs.

    Prints the message id; with --wait what each server says, and a summary. Exits with 1 if no
    server listens on a KEY; with --wait also if one does not answer, or has not done it.
    """
    from baton.extension import find_extension  # noqa: PLC0415

    if not wait and fleet.of_waiting:
        raise click.UsageError(f"{fleet.of_waiting[0]} goes with --wait")
    command = _parse(message)  # first: without it, the last KEY is taken for it
    targets = fleet.keys(keys, "KEY")
    found = find_extension(extension)
    configuration = load_configuration(found.name, config, url)
    if wait:
        from baton.cli.fleet.answers import body  # noqa: PLC0415
        from baton.cli.fleet.asking import ask  # noqa: PLC0415
        from baton.cli.fleet.collecting import Question  # noqa: PLC0415

        request = fleet.request(command, targets)
        sys.exit(ask(Question(configuration, found, request, fleet, body)))
    _send(configuration, found, command, targets, fleet)


def _parse(text: str) -> dict[str, Any]:
    from baton.message import decode_body  # noqa: PLC0415

    try:
        return decode_body(text.encode("utf-8", "surrogateescape"))
    except InvalidMessage as error:
        raise click.BadParameter(str(error), param_hint="JSON") from None


def _send(
    configuration: Configuration,
    extension: Extension,
    command: dict[str, Any],
    keys: tuple[str, ...],
    fleet: FleetOptions,
) -> None:
    from baton.api import API  # noqa: PLC0415

    kind = type("SendAPI", (API,), {"extension": extension.name})
    with kind(configuration) as api:
        message_id = api.publish(
            command, keys, expires=fleet.expires, where=fleet.where, splay=fleet.splay
        )
        click.echo(message_id)
