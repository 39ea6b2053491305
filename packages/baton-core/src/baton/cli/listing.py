"""Which commands ``baton`` has, and how the help of each begins, without an import of any."""

from __future__ import annotations

from typing import Final

from baton.entry_points import EntryPoint, entry_points
from baton.extension import COMMANDS_GROUP, installed_extensions

ABOUT: Final = "Orchestrate servers over RabbitMQ."
OWN: Final = {
    "dead-letters": "Durable commands that were rejected, or delivered too often.",
    "doctor": "Say whether this server can do its work, and what to mend.",
    "extensions": "List the installed extensions.",
    "facts": "Print what this server knows of itself, and where each fact came from.",
    "replies": "Print what became of a command that was sent to a fleet.",
    "run": "Run the services of several extensions in this process until SIGTERM or SIGINT.",
    "send": "Publish a command to EXTENSION's servers that listen on one of the KEYs.",
}
"""How the help of Baton's own commands begins. Each is in the module of its name."""


def added() -> dict[str, EntryPoint]:
    """The commands that extensions add: of each name the first, if it is none of Baton's own."""
    entries: dict[str, EntryPoint] = {}
    for entry in entry_points(COMMANDS_GROUP):
        if entry.name not in OWN:
            entries.setdefault(entry.name, entry)
    return entries


def summaries(entries: dict[str, EntryPoint]) -> dict[str, str]:
    """How the help of those *entries* begins whose extension's description says it."""
    said = {
        (installed.entry.offers, name): summary
        for installed in installed_extensions()
        if installed.extension is not None
        for name, summary in installed.extension.summaries.items()
    }
    return {
        name: said[entry.offers, name]
        for name, entry in entries.items()
        if (entry.offers, name) in said
    }
