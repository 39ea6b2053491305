"""``baton ping``: who is there?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from baton.cli.exit_codes import DONE, NO
from baton.cli.options import Seconds, broker_options, load_configuration
from baton.text import printable
from baton_ping.extension import extension

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.fleet import Reply


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--all", "everyone", is_flag=True, help="Ping every server.")
@click.option(
    "--timeout", type=Seconds(), default=2.0, show_default=True, help="Seconds to wait for pongs."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@broker_options(extension.name)
def ping(
    targets: tuple[str, ...],
    everyone: bool,
    timeout: float,
    as_json: bool,
    config: Path | None,
    url: str | None,
) -> None:
    """Ping servers and print who answers.

    A TARGET is an environment, <app>.<environment>, or the name of a server. Exits with 1 if
    nobody listens on one of them, or nobody answers there.
    """
    if everyone == bool(targets):
        raise click.UsageError("Name one TARGET or more, or --all")
    import asyncio  # noqa: PLC0415

    from baton.server import EVERYONE  # noqa: PLC0415

    keys = [EVERYONE] if everyone else list(targets)
    configuration = load_configuration(extension.name, config, url)
    sys.exit(asyncio.run(_ping(configuration, keys, timeout, as_json)))


async def _ping(
    configuration: Configuration, keys: list[str], timeout: float, as_json: bool
) -> int:
    from baton.errors import Unroutable  # noqa: PLC0415
    from baton.fleet import Collector  # noqa: PLC0415

    answers: list[Reply] = []
    unheard: Unroutable | None = None
    async with Collector(configuration, extension) as collector:
        try:
            await collector.send({"type": "ping"}, keys)
        except Unroutable as error:
            unheard = error
        else:
            async for reply in collector.replies(timeout):
                if reply.is_output:
                    answers.append(reply)
                    if not as_json:
                        click.echo(_line(reply))
            if collector.unroutable:
                exchange = configuration.exchange or extension.exchange
                unheard = Unroutable(collector.unroutable, exchange)
    silent = collector.silent
    if as_json:
        document = {
            "answers": [_row(each) for each in answers],
            "silent": silent,
            "unroutable": unheard.keys if unheard else (),
        }
        click.echo(json.dumps(document, indent=2))
    else:
        servers = len({each.instance for each in answers})
        click.echo(f"{servers} server{'' if servers == 1 else 's'} answered")
    if silent:
        names = ", ".join(f'"{key}"' for key in silent)
        click.echo(f"baton: No answer from {names} within {timeout:g} s", err=True)
    if unheard:
        click.echo(f"baton: {unheard}", err=True)
    return NO if unheard or silent else DONE


def _line(reply: Reply) -> str:
    message = reply.message
    apps = message.get("app_names")
    names = map(str, apps) if isinstance(apps, list) else ()
    where = " ".join([str(message.get("environment", "")), *names])
    note = " (original)" if reply.original else ""
    if message.type == "error":
        where = f"error: {message.get('error_message', '')}"
    line = f"{reply.fqdn:<32} {reply.elapsed * 1000:7.1f} ms  {where}{note}"
    return printable(line.rstrip())


def _row(reply: Reply) -> dict[str, Any]:
    return {**reply.message, "ms": round(reply.elapsed * 1000, 3), "original": reply.original}
