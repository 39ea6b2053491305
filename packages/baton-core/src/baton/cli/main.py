"""The ``baton`` command. Extensions add subcommands in the entry-point group ``baton.commands``.

A subcommand of Baton's own is imported when it is called, and logging when something may be logged,
so that ``baton --help`` waits for little but click.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

import click

from baton import __version__
from baton.cli.exit_codes import errors_as_exit_codes
from baton.cli.options import HELP
from baton.entry_points import EntryPoint, entry_points
from baton.extension import COMMANDS_GROUP, describe

_OWN: Final = {
    "dead-letters": "Durable commands that were rejected, or delivered too often.",
    "doctor": "Say whether this server can do its work, and what to mend.",
    "extensions": "List the installed extensions.",
    "facts": "Print what this server knows of itself, and where each fact came from.",
    "replies": "Print what became of a command that was sent to a fleet.",
    "run": "Run the services of several extensions in this process until SIGTERM or SIGINT.",
    "send": "Publish a command to EXTENSION's servers that listen on one of the KEYs.",
}
"""How the help of Baton's own commands begins. Each is in the module of its name."""


class _Commands(click.Group):
    """Finds subcommands by name, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*_OWN, *(entry.name for entry in entry_points(COMMANDS_GROUP))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _OWN:
            name = cmd_name.replace("-", "_")
            own: click.Command = getattr(importlib.import_module(f"baton.cli.{name}"), name)
            return own
        entries = entry_points(COMMANDS_GROUP, cmd_name)
        return _load(entries[0]) if entries else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does, of stand-ins for Baton's own: all that shows of them is known."""
        shown = {name: click.Command(name, help=summary) for name, summary in _OWN.items()}
        first = {entry.name: entry for entry in reversed(entry_points(COMMANDS_GROUP))}
        for name in sorted(first.keys() - _OWN):
            command = _load(first[name])
            if command is not None:
                shown[name] = command
        click.Group(commands=shown).format_commands(ctx, formatter)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with errors_as_exit_codes("baton"):  # --help prints, too
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        _setup_logging()
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
    import logging  # noqa: PLC0415

    _setup_logging()
    logging.getLogger(__name__).warning(
        "The command %s (%s) cannot be loaded: %s", entry.name, entry.value, reason
    )
    return None


def _setup_logging() -> None:
    from baton.cli.log import setup_logging  # noqa: PLC0415

    setup_logging("warning")


@click.group(cls=_Commands, context_settings=HELP)
@click.version_option(__version__, prog_name="baton")
def baton() -> None:
    """Orchestrate servers over RabbitMQ."""


def main() -> None:
    """The console script."""
    baton()
