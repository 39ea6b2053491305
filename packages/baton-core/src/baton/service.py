"""Services: what runs on a server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from baton.channel import Abandoned, Channel
from baton.extension import find_extension
from baton.link import State
from baton.message import new_id
from baton.runner import run_services
from baton.server import Server
from baton.watched import Watched

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.consumer import Consumer

logger = logging.getLogger(__name__)


class Service(Watched):
    """Runs an extension's consumers on a server.

    An extension names itself in :attr:`extension` and overrides :meth:`setup_consumers`. Without
    a *server*, the service finds out where it runs. Nothing happens before :meth:`start`.
    """

    extension: str

    def __init__(self, configuration: Configuration, server: Server | None = None) -> None:
        super().__init__()
        self.configuration = configuration
        self.server = server or Server.detect(configuration)
        self.instance = new_id()
        self._channel: Channel | None = None
        self._shared = False

    def setup_consumers(self) -> None:
        """Add the extension's consumers with :meth:`add_consumer`.

        Called once by :meth:`start`, on the event loop, when :attr:`server` and :attr:`channel`
        are there and nothing is connected yet.
        """
        raise NotImplementedError

    def add_consumer(self, consumer: Consumer) -> None:
        """Have *consumer* receive what is sent to its routing keys."""
        self.channel.add_consumer(consumer, self.instance)

    @property
    def name(self) -> str:
        """What it is called in logs and in answers about its health: the extension."""
        return self.extension

    @property
    def channel(self) -> Channel:
        """The channel; there from :meth:`start` on."""
        if self._channel is None:
            raise RuntimeError("The service was not started")
        return self._channel

    @property
    def state(self) -> State:
        """How the connection is; connecting before :meth:`start`."""
        return State() if self._channel is None else self._channel.state

    def share(self, channel: Channel) -> None:
        """Use *channel*, which other services use, too, and not one of its own. Called before
        :meth:`start`; whoever made the channel starts it later, and stops it."""
        self._channel = channel
        self._shared = True

    async def start(self) -> None:
        """Set up the consumers and begin to connect. Returns at once: see :meth:`watch`."""
        if self._channel is None:
            self._channel = Channel(self.configuration, find_extension(self.extension))
            self._channel.watch(self._log_state)
        self._channel.watch(self.tell_state)
        self._channel.watch_pulse(self.tell_pulse)
        self.setup_consumers()
        if not self._shared:
            self._channel.start()

    async def stop(self, grace: float | None = None) -> Abandoned:
        """Stop consuming, let what is in flight finish for *grace* seconds (by default the
        setting ``GRACE``), and disconnect. Returns what had to be abandoned."""
        if self._channel is None or self._shared:
            return Abandoned(commands=0, outputs=0)
        abandoned = await self._channel.stop(self.configuration.grace if grace is None else grace)
        if abandoned:
            logger.error("%s stopped; %s", self.extension, abandoned)
        else:
            logger.info("%s stopped, everything was finished", self.extension)
        return abandoned

    def run(self) -> int:
        """Run until SIGTERM or SIGINT. Returns the exit code: 0 when all was finished, else 1."""
        return run_services([self], self.configuration)

    def _log_state(self, state: State) -> None:
        logger.info("%s on %s is %s", self.extension, self.server.fqdn, state)
