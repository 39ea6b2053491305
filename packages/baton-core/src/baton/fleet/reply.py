"""A reply: what one server says to a command, as it arrives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from baton.errors import InvalidMessage
from baton.message import END_HEADER, END_TYPE, INSTANCE_HEADER, Message
from baton.names import LONGEST_APP, LONGEST_ENVIRONMENT, LONGEST_FQDN
from baton.server import Server
from baton.text import excerpt

if TYPE_CHECKING:
    from baton.transports import Delivery

_LONGEST_INSTANCE: Final = LONGEST_FQDN + len("original ")
_LONGEST_OUTCOME: Final = 20
_MOST_APPS: Final = 1000
"""Applications of a server that are looked at. Each makes a key, as long as its environment."""
_PLACES: Final = 32
"""Environments with their applications whose keys are kept: servers of a fleet share a few."""


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
    fqdn: str = field(init=False, repr=False, compare=False)
    """The server's name, as it says, made fit to be shown; empty if it says none."""

    def __post_init__(self) -> None:
        # Once: it is asked for by whoever counts, prints or keeps the reply.
        object.__setattr__(self, "fqdn", _fqdn(self.message, self.end))

    @property
    def succeeded(self) -> bool | None:
        """Whether the server has done it; None while it has not finished, or does not say."""
        if self.message.type == "error":
            return False
        return None if self.end is None else self.outcome == "done"

    @property
    def outcome(self) -> str:
        """``done``, ``failed`` or ``expired`` when the server has finished, else empty."""
        if self.end is None:
            return ""
        return excerpt(str(self.end.get("outcome", "")), _LONGEST_OUTCOME)

    @property
    def is_output(self) -> bool:
        """Whether this is something that the server said, not only the end of it."""
        return self.message.type != END_TYPE


def read_reply(delivery: Delivery, elapsed: float = 0.0) -> Reply | None:
    """The reply that *delivery* is, whoever sent it; None for what is none."""
    envelope = delivery.envelope
    try:
        message = Message.decode(delivery.body, envelope, delivery.routing_key)
    except InvalidMessage:
        return None
    header = envelope.headers.get(END_HEADER)
    end = header if isinstance(header, Mapping) else None
    if end is None and message.type == END_TYPE:
        return None  # the end of it, without what tells how it ended
    instance = envelope.headers.get(INSTANCE_HEADER)
    name = f"original {_fqdn(message, end)}" if instance is None else str(instance)
    return Reply(message, elapsed, excerpt(name, _LONGEST_INSTANCE), end, is_original(delivery))


def is_original(delivery: Delivery) -> bool:
    """Whether a Ruby Baton may have said it: it says neither who it is nor what it answers."""
    envelope = delivery.envelope
    return INSTANCE_HEADER not in envelope.headers and envelope.correlation_id is None


def keys_of(fqdn: str, body: Mapping[str, Any]) -> tuple[str, ...]:
    """The targets that reach the server of that *fqdn*, as *body* says where it is. What no server
    can be called, an environment or an application of thousands of letters, is passed over."""
    said = body.get("environment")
    environment = said if isinstance(said, str) and len(said) <= LONGEST_ENVIRONMENT else ""
    apps = body.get("app_names")
    known = apps[:_MOST_APPS] if environment and isinstance(apps, list) else ()
    names = [app for app in known if isinstance(app, str) and len(app) <= LONGEST_APP]
    place = _keys_of_place(environment, tuple(names))
    return (fqdn, *place) if fqdn else place


@lru_cache(maxsize=_PLACES)
def _keys_of_place(environment: str, apps: tuple[str, ...]) -> tuple[str, ...]:
    return Server("", environment, apps).routing_keys


def _fqdn(message: Message, end: Mapping[str, Any] | None) -> str:
    for fields in (message, end or {}):
        name = fields.get("fqdn")
        if isinstance(name, str) and name:
            return excerpt(name, LONGEST_FQDN)
    return ""
