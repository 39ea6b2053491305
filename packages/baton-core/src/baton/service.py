"""Services: what runs on a server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from baton.channel import Abandoned, Channel
from baton.extension import find_extension
from baton.lifecycle import run_until_signalled
from baton.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from baton.configuration import Configuration
    from baton.consumer import Consumer
    from baton.link import State

logger = logging.getLogger(__name__)


class Service:
    """Runs an extension's consumers on a server.

    An extension names itself in :attr:`extension` and overrides :meth:`setup_consumers`. Without
    a *server*, the service finds out where it runs. Nothing happens before :meth:`start`.
    """

    extension: str

    def __init__(self, configuration: Configuration, server: Server | None = None) -> None:
        self.configuration = configuration
        self.server = server or Server.detect(configuration)
        self._channel: Channel | None = None

    def setup_consumers(self) -> None:
        """Add the extension's consumers with :meth:`add_consumer`.

        Called once by :meth:`start`, on the event loop, when :attr:`server` and :attr:`channel`
        are there and nothing is connected yet.
        """
        raise NotImplementedError

    def add_consumer(self, consumer: Consumer) -> None:
        """Have *consumer* receive what is sent to its routing keys."""
        self.channel.add_consumer(consumer)

    @property
    def channel(self) -> Channel:
        """The channel; there from :meth:`start` on."""
        if self._channel is None:
            raise RuntimeError("The service was not started")
        return self._channel

    async def start(self) -> None:
        """Set up the consumers and begin to connect. Returns at once: see :meth:`watch`."""
        self._channel = Channel(self.configuration, find_extension(self.extension))
        self.setup_consumers()
        self._channel.watch(self._log_state)
        self._channel.start()

    async def stop(self, grace: float | None = None) -> Abandoned:
        """Stop consuming, let what is in flight finish for *grace* seconds (by default the
        setting ``GRACE``), and disconnect. Returns what had to be abandoned."""
        if self._channel is None:
            return Abandoned(commands=0, outputs=0)
        abandoned = await self._channel.stop(self.configuration.grace if grace is None else grace)
        if abandoned:
            logger.error("%s stopped; %s", self.extension, abandoned)
        else:
            logger.info("%s stopped, everything was finished", self.extension)
        return abandoned

    def watch(self, callback: Callable[[State], None]) -> None:
        """Have *callback* called with each new state of the connection, after :meth:`start`."""
        self.channel.watch(callback)

    def run(self) -> int:
        """Run until SIGTERM or SIGINT. Returns the exit code: 0 when all was finished, else 1."""
        return run_until_signalled(self.start, self.stop, self.configuration.grace)

    def _log_state(self, state: State) -> None:
        logger.info("%s on %s is %s", self.extension, self.server.fqdn, state)
