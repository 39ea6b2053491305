"""The consumer: what answers a ping, and tells the server's facts."""

from __future__ import annotations

from typing import Any

from baton.consumer import Consumer
from baton.errors import UnknownMessageType
from baton.message import Message


class PingConsumer(Consumer):
    """Answers ``ping`` with ``pong`` and who it is, and ``facts`` with all that is known of it."""

    @property
    def routing_key(self) -> str:
        """The environment, as in the original."""
        return self.server.environment

    @property
    def routing_keys(self) -> tuple[str, ...]:
        """Every key that means this server."""
        return self.server.routing_keys

    @property
    def attributes(self) -> dict[str, Any]:
        """The pong."""
        return {"type": "pong", **self.server.attributes}

    async def process_message(self, message: Message) -> None:
        """Answer a ping, or tell the facts; raise UnknownMessageType for anything else."""
        match message["type"]:
            case "ping":
                self.notify({"type": "pong"})
            case "facts":
                self.notify({"type": "facts", "facts": dict(self.server.facts)})
            case unknown:
                raise UnknownMessageType(unknown)
