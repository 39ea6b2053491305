"""One connection of somebody who asks, for a while, and what goes wrong with it."""

from __future__ import annotations

from baton.errors import BatonError, BrokerError, BrokerUnavailable
from baton.transports import Transport, TransportListener


class Session(TransportListener):
    """Keeps a transport, and the first thing that goes wrong with it until somebody looks.

    A subclass says in :attr:`unopened` what is wrong with who asks before there is a transport, and
    in :meth:`_wake` how whoever waits hears that something has happened.
    """

    unopened: str

    def __init__(self) -> None:
        self._transport: Transport | None = None
        self._failure: BatonError | None = None

    def channel_lost(self, error: BatonError) -> None:
        """Part of the transport's listener: the broker refused something."""
        self._fail(error)

    def lost(self, error: BrokerError) -> None:
        """Part of the transport's listener: the connection has gone."""
        self._fail(BrokerUnavailable(f"The connection to the broker was lost: {error}"))

    def _require_transport(self) -> Transport:
        if self._transport is None:
            raise BrokerUnavailable(self.unopened)
        return self._transport

    def _fail(self, error: BatonError) -> None:
        if self._failure is None:
            self._failure = error
        self._wake()

    def _wake(self) -> None:
        raise NotImplementedError
