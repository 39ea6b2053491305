"""The command ``baton`` as click knows it. Extensions add subcommands in the entry-point group
``baton.commands``.

A subcommand is imported when it is called, and logging when something may be logged.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from baton import __version__
from baton.cli.exit_codes import errors_as_exit_codes
from baton.cli.listing import ABOUT, OWN, added, summaries
from baton.cli.options import HELP
from baton.entry_points import EntryPoint
from baton.extension import describe


class _Commands(click.Group):
    """Finds subcommands by name, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*OWN, *added()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in OWN:
            name = cmd_name.replace("-", "_")
            own: click.Command = getattr(importlib.import_module(f"baton.cli.{name}"), name)
            return own
        entry = added().get(cmd_name)
        return None if entry is None else _load(entry)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does, of stand-ins for those of which all that shows is known."""
        entries = added()
        known = OWN | summaries(entries)
        shown = {name: click.Command(name, help=summary) for name, summary in known.items()}
        for name in sorted(entries.keys() - known):
            command = _load(entries[name])
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


@click.group(cls=_Commands, help=ABOUT, context_settings=HELP)
@click.version_option(__version__, prog_name="baton")
def baton() -> None:
    """The command ``baton``."""
