"""What goes wrong with the connection of somebody who asks."""

import pytest

from baton.errors import BatonError, BrokerUnavailable, NotFound
from baton.fleet.session import Session
from baton.transports import Transport


class Asking(Session):
    unopened = "Nobody has connected"

    def __init__(self) -> None:
        super().__init__()
        self.woken = 0

    @property
    def failure(self) -> BatonError | None:
        return self._failure

    def transport(self) -> Transport:
        return self._require_transport()

    def _wake(self) -> None:
        self.woken += 1


def test_the_first_thing_that_goes_wrong_is_kept() -> None:
    session = Asking()
    first = NotFound("the exchange has gone")
    session.channel_lost(first)
    session.lost(BrokerUnavailable("reset"))
    assert session.failure is first
    assert session.woken == 2


def test_a_lost_connection_is_told_of() -> None:
    session = Asking()
    session.lost(BrokerUnavailable("reset by peer"))
    assert str(session.failure) == "The connection to the broker was lost: reset by peer"
    assert isinstance(session.failure, BrokerUnavailable)


def test_without_a_connection_nothing_can_be_asked() -> None:
    with pytest.raises(BrokerUnavailable, match="Nobody has connected"):
        Asking().transport()
