"""Commands: what a requester publishes, as an API or a collector does it."""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from baton.errors import InvalidMessage
from baton.exchanges import input_exchange
from baton.message import (
    SENDER_HEADER,
    SPLAY_HEADER,
    TARGET_HEADER,
    VERSION_HEADER,
    WHERE_HEADER,
    WIRE_VERSION,
    Envelope,
    encode_body,
    is_reply_key,
    new_id,
)
from baton.splay import to_milliseconds
from baton.text import shorten
from baton.transports import Publication
from baton.where import parse

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.extension import Extension

_MOST_TARGETS_TOLD: Final = 64
"""Each publication of a command names all of its targets, unless there are more."""
_KEY_LIMIT: Final = 255
"""Bytes of an AMQP short string."""
_EXPIRES_LIMIT: Final = 604_800
"""Seconds: what the setting EXPIRES allows, too."""


@dataclass(frozen=True, slots=True)
class Requester:
    """Makes the publications of commands to one extension, all with the same sender.

    *sender* is who asks, as they say; *expires* is in seconds.
    """

    exchange: str
    sender: str
    user_id: str | None
    expires: float

    @classmethod
    def of(cls, configuration: Configuration, extension: Extension) -> Requester:
        """The requester that the settings describe."""
        return cls(
            exchange=input_exchange(configuration, extension).name,
            sender=_own_name(),
            user_id=configuration.user_id,
            expires=configuration.expires,
        )

    def command(
        self,
        message: Mapping[str, Any],
        keys: str | Sequence[str],
        *,
        reply_to: str | None = None,
        expires: float | None = None,
        where: str | Sequence[str] = (),
        splay: float = 0.0,
    ) -> list[Publication]:
        """One mandatory publication for each key, all with the same ``message_id``: so each key
        that nobody listens on is told of, and each server does the command once.

        *where* are conditions on a server's facts, see :mod:`baton.where`; *splay* is the longest
        time, in seconds, that a server waits before it begins.

        Raises InvalidMessage for a message without a string ``type``, or that is not JSON, for a
        key that is none, and for an expiry, a splay or a reply key that is none; InvalidFilter for
        a condition that cannot be understood.
        """
        targets = [keys] if isinstance(keys, str) else list(dict.fromkeys(keys))
        if not targets:
            raise InvalidMessage("A command needs a target: an environment, an fqdn, or *")
        for key in targets:
            _check_key(key)
        if reply_to is not None and not is_reply_key(reply_to):
            raise InvalidMessage(
                f'"{shorten(reply_to)}" is no reply key: 1 to 64 of A-Z a-z 0-9 . _ - are allowed'
            )
        expires = self.expires if expires is None else expires
        check_expiry(expires)
        headers = self._headers(targets, [where] if isinstance(where, str) else list(where), splay)
        body = _encode(message)
        envelope = Envelope(
            message_id=new_id(),
            reply_to=reply_to,
            timestamp=time.time(),
            expires=expires,
            user_id=self.user_id,
            app_id="baton",
            persistent=True,  # one that waits in a durable queue is to outlive the broker
            headers=headers,
        )
        return [
            Publication(number, self.exchange, key, body, envelope, mandatory=True)
            for number, key in enumerate(targets, start=1)
        ]

    def _headers(self, targets: list[str], where: list[str], splay: float) -> dict[str, Any]:
        headers: dict[str, Any] = {VERSION_HEADER: WIRE_VERSION}
        if len(targets) <= _MOST_TARGETS_TOLD:
            headers[TARGET_HEADER] = targets
        headers[SENDER_HEADER] = self.sender
        if where:
            parse(where)
            headers[WHERE_HEADER] = where
        if milliseconds := to_milliseconds(splay):
            headers[SPLAY_HEADER] = milliseconds
        return headers


def check_expiry(seconds: object) -> None:
    """Raises InvalidMessage if a command cannot expire in *seconds*."""
    number = None if isinstance(seconds, bool) else seconds
    if not (isinstance(number, int | float) and 0 < number <= _EXPIRES_LIMIT):
        raise InvalidMessage(
            f"A command cannot expire in {shorten(f'{seconds}', 40)} s: "
            f"more than 0 and at most {_EXPIRES_LIMIT:,} are allowed"
        )


def _check_key(key: object) -> None:
    if not isinstance(key, str):
        raise InvalidMessage(f"A target is a string, not {shorten(repr(key), 40)}")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        size = 0  # a byte of the command line that is not UTF-8
    if not 1 <= size <= _KEY_LIMIT:
        shown = shorten(key.encode("utf-8", "backslashreplace").decode())
        raise InvalidMessage(
            f'"{shown}" is no target: 1 to {_KEY_LIMIT} bytes of UTF-8 are allowed'
        )


def _encode(message: Mapping[str, Any]) -> bytes:
    """*message* as a body that a server takes."""
    if not isinstance(message.get("type"), str):
        raise InvalidMessage("A command is a JSON object with a type")
    try:
        body = encode_body(message)
        if rb"\ufffd" in body:  # perhaps from half of a surrogate pair: nothing is replaced here
            json.dumps(message, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidMessage("The command contains half of a surrogate pair") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidMessage(f"The command is not JSON: {error}") from None
    return body


def _own_name() -> str:
    """Who runs this process, and where: ``alice@web01``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in many containers
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
