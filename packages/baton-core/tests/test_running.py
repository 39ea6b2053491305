from __future__ import annotations

import time
from typing import Any

from baton.message import Envelope
from baton.running import Command, stopping, too_often
from baton.transports import Delivery


def delivery(message_id: str | None = "m", **values: Any) -> Delivery:
    envelope = Envelope(message_id=message_id, expires=values.pop("expires", None))
    return Delivery(
        "queue",
        values.pop("tag", 1),
        None,
        values.pop("key", "production"),
        values.pop("body", b"{}"),
        envelope,
        redelivered=False,
        received=values.pop("received", 0.0),
    )


def test_it_expires_by_what_it_waited_beside_its_splay() -> None:
    for started, held, expired in ((9.9, 0.0, False), (10.0, 0.0, True), (10.0, 0.1, False)):
        command = Command(delivery(expires=10.0), started, None, held)
        assert command.expired is expired
    assert not Command(delivery(), started=time.monotonic(), reply_to=None).expired


def test_the_same_command_is_known_by_its_id() -> None:
    command = Command(delivery(), 0.0, None)
    assert command.is_in(delivery(tag=2, body=b"[]", key="other"))
    assert not command.is_in(delivery("n"))
    assert not command.is_in(delivery(None))


def test_one_without_an_id_is_known_by_what_it_says() -> None:
    command = Command(delivery(None), 0.0, None)
    assert command.is_in(delivery(None, tag=2))
    assert not command.is_in(delivery(None, body=b"[]"))
    assert not command.is_in(delivery(None, key="other"))
    assert not command.is_in(delivery("m"))


def test_what_brings_it_again_is_done_with_when_it_is() -> None:
    first, second, third = (delivery(tag=tag) for tag in (1, 2, 3))
    command = Command(first, 0.0, None)
    command.come_again(second)
    assert command.deliveries == [first, second]
    command.lose()
    command.come_again(third)
    assert (command.deliveries, command.lost) == ([third], False)


def test_it_would_expire_by_all_that_it_has_waited() -> None:
    now = time.monotonic()
    for received, would in ((now, False), (now - 60, True)):
        command = Command(delivery(expires=60.0, received=received), now, None, held=3600.0)
        assert command.would_expire is would
    assert not Command(delivery(received=now - 60), now, None).would_expire


def test_what_is_said() -> None:
    assert "before the splay was over" in str(stopping())
    assert "delivered 3 times before" in str(too_often(3))
