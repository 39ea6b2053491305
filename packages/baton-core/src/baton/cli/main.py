"""The ``baton`` command. Extensions add subcommands in the entry-point group ``baton.commands``."""

from __future__ import annotations

import importlib
import logging
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import click

from baton import __version__
from baton.cli.exit_codes import errors_as_exit_codes
from baton.cli.log import setup_logging
from baton.cli.options import HELP
from baton.extension import COMMANDS_GROUP, describe

logger = logging.getLogger(__name__)

_OWN: Final = {
    "dead-letters": "baton.cli.dead_letters:dead_letters",
    "doctor": "baton.cli.doctor:doctor",
    "extensions": "baton.cli.extensions:extensions",
    "facts": "baton.cli.facts:facts",
    "replies": "baton.cli.replies:replies",
    "run": "baton.cli.run:run",
    "send": "baton.cli.send:send",
}


class _Commands(click.Group):
    """Finds subcommands by name, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*_OWN, *(entry.name for entry in entry_points(group=COMMANDS_GROUP))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _OWN:
            module, _, name = _OWN[cmd_name].partition(":")
            own: click.Command = getattr(importlib.import_module(module), name)
            return own
        entries = entry_points(group=COMMANDS_GROUP, name=cmd_name)
        return _load(next(iter(entries))) if entries else None

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with errors_as_exit_codes("baton"):  # --help prints, too
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with errors_as_exit_codes("baton"):
            return super().invoke(ctx)


def _load(entry: EntryPoint) -> click.Command | None:
    try:
        found = entry.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001  (somebody's module)
        reason = describe(error)
    else:
        if isinstance(found, click.Command):
            return found
        reason = f"it is no click.Command but a {type(found).__name__}"
    logger.warning("The command %s (%s) cannot be loaded: %s", entry.name, entry.value, reason)
    return None


@click.group(cls=_Commands, context_settings=HELP)
@click.version_option(__version__, prog_name="baton")
def baton() -> None:
    """Orchestrate servers over RabbitMQ."""


def main() -> None:
    """The console script."""
    setup_logging("warning")
    baton()
