"""A retry: a dead letter becomes a command again, to the one server that it died on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from baton.command import check_expiry
from baton.errors import InvalidMessage
from baton.message import (
    RETRY_HEADER,
    SENDER_HEADER,
    SPLAY_HEADER,
    TARGET_HEADER,
    VERSION_HEADER,
    WHERE_HEADER,
    WIRE_VERSION,
    Envelope,
    new_id,
)
from baton.transports import Publication

if TYPE_CHECKING:
    from baton.command import Requester
    from baton.dead_letters.letter import Letter


def retrial(letter: Letter, requester: Requester, number: int, expires: float) -> Publication:
    """What is published to have *letter* done once more, within *expires* seconds.

    It goes straight to the queue that the command died in, so that no other server does it again.
    The body is the same, and so are its filter, its splay and the targets that it names; the id,
    the time and who sends it are new. It has no ``reply_to``: whoever waited has gone.

    Raises InvalidMessage for a letter of which no command can be made, and for an expiry that is
    none.
    """
    check_expiry(expires)
    if letter.queue is None:
        raise InvalidMessage("it does not say in which server's queue it died")
    headers: dict[str, Any] = {VERSION_HEADER: WIRE_VERSION}
    headers |= {name: _checked(letter, name) for name in _KEPT if name in _headers(letter)}
    headers[SENDER_HEADER] = requester.sender
    if letter.command is not None:
        headers[RETRY_HEADER] = letter.command
    envelope = Envelope(
        message_id=new_id(),
        timestamp=time.time(),
        expires=expires,
        user_id=requester.user_id,
        app_id="baton",
        persistent=True,
        headers=headers,
    )
    body = letter.delivery.body
    return Publication(number, "", letter.queue, body, envelope, mandatory=True)


def _checked(letter: Letter, name: str) -> Any:
    """A header as it came. Without its filter a command would be done where it should not be; so
    one that no requester makes is not passed over."""
    value = _headers(letter)[name]
    if not _KEPT[name](value):
        raise InvalidMessage(f"its header {name} is malformed")
    return value


def _headers(letter: Letter) -> Any:
    return letter.delivery.envelope.headers


def _is_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31


_KEPT: Final[dict[str, Callable[[object], bool]]] = {
    VERSION_HEADER: _is_integer,
    TARGET_HEADER: _is_texts,
    WHERE_HEADER: _is_texts,
    SPLAY_HEADER: _is_integer,
}
