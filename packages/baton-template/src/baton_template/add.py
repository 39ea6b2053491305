"""``baton add``: more parts for an extension that ``baton new`` has made."""

from __future__ import annotations

import click


@click.group()
def add() -> None:
    """Add a part to the extension in this folder."""
