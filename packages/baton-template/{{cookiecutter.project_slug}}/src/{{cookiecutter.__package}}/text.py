"""What a line says of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.errors import InvalidMessage
from baton.text import shorten

from {{ cookiecutter.__package }}.messages import Measured

if TYPE_CHECKING:
    from baton import Reply


def contents(found: Measured) -> str:
    """How much a folder holds."""
    return f"{found.files:,} file{'' if found.files == 1 else 's'}, {found.size:,} bytes"


def answer(reply: Reply) -> str:
    """What a server says: how far it is, or how much it has found. Anything may come from there."""
    if reply.message.type == Measured.TYPE:
        try:
            return shorten(contents(Measured.from_message(reply.message)))
        except InvalidMessage as error:
            return str(error)
    said = reply.message.get("message")
    return shorten(said) if isinstance(said, str) else ""
