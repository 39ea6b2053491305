"""``baton {{ cookiecutter.__short }}``: asks servers, and prints what they answer.

``baton --help`` imports this module: what is heavy is imported where it is used.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from baton.cli.exit_codes import DONE, NO
from baton.cli.options import Seconds, broker_options, load_configuration
from baton.text import printable

from {{ cookiecutter.__package }}.extension import extension

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.message import Message

    from {{ cookiecutter.__package }}.messages import Measure


@click.command("{{ cookiecutter.__short }}")
@click.argument("target")
@click.argument("path")
@click.option(
    "--timeout", type=Seconds(), default=5.0, show_default=True, help="Seconds to wait for answers."
)
@broker_options(extension.name)
def command(target: str, path: str, timeout: float, config: Path | None, url: str | None) -> None:
    """Ask the servers of TARGET how much the folder PATH holds.

    A TARGET is an environment, <app>.<environment>, the name of a server, or * for all. Exits
    with 1 if nobody answers, or a server answers with an error.
    """
    import asyncio

    from {{ cookiecutter.__package }}.messages import Measure

    question = Measure(path)
    configuration = load_configuration(extension.name, config, url)
    sys.exit(asyncio.run(_ask(configuration, question, target, timeout)))


async def _ask(configuration: Configuration, question: Measure, target: str, timeout: float) -> int:
    from baton.fleet import Collector

    from {{ cookiecutter.__package }}.messages import Measured

    answered = failed = False
    async with Collector(configuration, extension) as collector:
        await collector.send(question.to_message(), [target])
        async for reply in collector.replies(timeout):
            if not reply.is_output:
                continue
            answered = answered or reply.message.type == Measured.TYPE
            failed = failed or reply.message.type == "error"
            click.echo(printable(f"{reply.fqdn:<32} {_line(reply.message)}"))
    if not answered and not failed:
        click.echo(f'baton: No answer from "{target}" within {timeout:g} s', err=True)
    return DONE if answered and not failed else NO


def _line(message: Message) -> str:
    match message.type:
        case "measured":
            return f"{message.get('files')} files, {message.get('size')} bytes"
        case "error":
            return f"error: {message.get('error_message')}"
        case _:
            return str(message.get("message"))
