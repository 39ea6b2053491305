"""The ``baton`` command. Extensions add subcommands in the entry-point group ``baton.commands``."""

from __future__ import annotations

import importlib
import logging
from importlib.metadata import entry_points
from typing import Final

import click

from baton import __version__
from baton.cli.exit_codes import errors_as_exit_codes
from baton.cli.log import setup_logging
from baton.extension import COMMANDS_GROUP

_OWN: Final = {
    "extensions": "baton.cli.extensions:extensions",
    "send": "baton.cli.send:send",
}


class _Commands(click.Group):
    """Finds subcommands by name, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*_OWN, *(entry.name for entry in entry_points(group=COMMANDS_GROUP))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _OWN:
            module, _, name = _OWN[cmd_name].partition(":")
            found = getattr(importlib.import_module(module), name)
        else:
            entries = entry_points(group=COMMANDS_GROUP, name=cmd_name)
            found = _load(next(iter(entries))) if entries else None
        return found if isinstance(found, click.Command) else None


def _load(entry: object) -> object:
    try:
        return entry.load()  # type: ignore[attr-defined]
    except Exception as error:  # whatever somebody's module raises: the other commands go on
        logging.getLogger(__name__).warning("The command %s cannot be loaded: %s", entry, error)
        return None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="baton")
def baton() -> None:
    """Orchestrate servers over RabbitMQ."""


def main() -> None:
    """The console script."""
    setup_logging("warning")
    with errors_as_exit_codes("baton"):
        baton()
