"""``baton send``: publish any command to any extension."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from baton.cli.exit_codes import DONE, NO
from baton.cli.options import Seconds, broker_options, load_configuration
from baton.errors import InvalidMessage

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.extension import Extension
    from baton.fleet import Reply


@click.command()
@click.argument("extension")
@click.argument("key")
@click.argument("message", metavar="JSON")
@broker_options("<extension>")
@click.option("--wait", is_flag=True, help="Print the replies, a JSON line each.")
@click.option("--timeout", type=Seconds(), default=2.0, show_default=True, help="Seconds to wait.")
@click.option("--expires", type=Seconds(), help="Seconds after which no server starts it any more.")
def send(
    extension: str,
    key: str,
    message: str,
    config: Path | None,
    url: str | None,
    wait: bool,
    timeout: float,
    expires: float | None,
) -> None:
    """Publish a command to EXTENSION's servers that listen on KEY.

    Prints the message id. Exits with 1 if no server listens on KEY; with --wait also if none
    answers, or one says that it has not done it.
    """
    from baton.extension import find_extension  # noqa: PLC0415

    found = find_extension(extension)
    command = _parse(message)
    configuration = load_configuration(found.name, config, url)
    if wait:
        import asyncio  # noqa: PLC0415

        sys.exit(asyncio.run(_send_and_wait(configuration, found, command, key, timeout, expires)))
    _send(configuration, found, command, key, expires)


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
    key: str,
    expires: float | None,
) -> None:
    from baton.api import API  # noqa: PLC0415

    kind = type("SendAPI", (API,), {"extension": extension.name})
    with kind(configuration) as api:
        click.echo(api.publish(command, key, expires=expires))


async def _send_and_wait(
    configuration: Configuration,
    extension: Extension,
    command: dict[str, Any],
    key: str,
    timeout: float,
    expires: float | None,
) -> int:
    from baton.fleet import Collector  # noqa: PLC0415

    answers: list[Reply] = []
    async with Collector(configuration, extension) as collector:
        await collector.send(command, [key], expires=expires)
        async for reply in collector.replies(timeout):
            answers.append(reply)
            if reply.is_output:
                click.echo(json.dumps(dict(reply.message)))
            elif reply.succeeded is False:
                click.echo(f"baton: {reply.fqdn}: {reply.outcome}", err=True)
    failed = any(reply.succeeded is False for reply in answers)
    return DONE if answers and not failed else NO
