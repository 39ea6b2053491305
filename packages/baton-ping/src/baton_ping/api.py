"""The API: what pings."""

from __future__ import annotations

from baton.api import API


class PingAPI(API):
    """Asks servers whether they are there."""

    extension = "baton-ping"

    def ping(self, environment: str) -> str:
        """Ask the servers of *environment*; it may be any other target, too. Returns the message
        id; raises what :meth:`baton.API.publish` does."""
        return self.publish({"type": "ping"}, environment)
