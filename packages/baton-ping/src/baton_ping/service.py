"""The service: what runs on a server."""

from __future__ import annotations

from baton.service import Service
from baton_ping.consumer import PingConsumer


class PingService(Service):
    """Answers pings on this server."""

    extension = "baton-ping"

    def setup_consumers(self) -> None:
        """One consumer, named after the server."""
        self.add_consumer(PingConsumer(self.server.fqdn, self.server))
