"""The API: what pings, and asks for facts."""

from __future__ import annotations

from baton.api import API


class PingAPI(API):
    """Asks servers whether they are there, and what is known of them."""

    extension = "baton-ping"

    def ping(self, environment: str) -> str:
        """Ask the servers of *environment*; it may be any other target, too. Returns the message
        id; raises what :meth:`baton.API.publish` does."""
        return self.publish({"type": "ping"}, environment)

    def facts(self, target: str) -> str:
        """Ask the servers of *target* for their facts, which monitors hear. Returns the message
        id; raises what :meth:`baton.API.publish` does."""
        return self.publish({"type": "facts"}, target)
