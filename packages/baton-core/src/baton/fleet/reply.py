"""A reply: what one server says to a command, as it arrives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baton.message import END_TYPE

if TYPE_CHECKING:
    from baton.message import Message


@dataclass(frozen=True, slots=True)
class Reply:
    """An output that answers a command.

    ``elapsed`` is the time from the publish to its arrival, in seconds. ``end`` is what
    ``baton-end`` says if the server has finished with it. ``original`` is an answer without a
    correlation, as a Ruby Baton gives it: whose command it answers is not known.
    """

    message: Message
    elapsed: float
    instance: str
    end: Mapping[str, Any] | None = None
    original: bool = False

    @property
    def fqdn(self) -> str:
        """The server's name, as it says."""
        return str(self.message.get("fqdn", ""))

    @property
    def succeeded(self) -> bool | None:
        """Whether the server has done it; None while it has not finished, or does not say."""
        if self.message.type == "error":
            return False
        return None if self.end is None else self.outcome == "done"

    @property
    def outcome(self) -> str:
        """``done``, ``failed`` or ``expired`` when the server has finished, else empty."""
        return "" if self.end is None else str(self.end.get("outcome", ""))

    @property
    def is_output(self) -> bool:
        """Whether this is something that the server said, not only the end of it."""
        return self.message.type != END_TYPE
