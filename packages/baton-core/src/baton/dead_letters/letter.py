"""A dead letter: what a delivery from the queue of dead letters says of a command, and of its
death. All of it comes from a network, and any of it may be missing or made up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from baton.durable import dead_letters, expired
from baton.errors import InvalidMessage
from baton.message import RETRY_HEADER, SENDER_HEADER, TARGET_HEADER, decode_body
from baton.names import LONGEST, check_name

if TYPE_CHECKING:
    from baton.extension import Extension
    from baton.transports import Delivery

LETTER_ID: Final = 12
"""Hexadecimal digits of a letter's id."""
_FIRST_QUEUE: Final = "x-first-death-queue"
_FIRST_REASON: Final = "x-first-death-reason"
_DEATHS: Final = "x-death"


@dataclass(frozen=True, slots=True)
class Letter:
    """A command that died in the durable queue of a server.

    A command to several servers may die on each of them, so that its ``command``, the message id
    that it was sent with, is not enough to know a letter by. ``id`` is: it is made of the
    command, the queue, and the time of the death, and is the same at each look.

    ``died`` is in seconds since the epoch; ``reason`` is ``rejected`` or ``delivery_limit``.
    ``queue`` is where it died, None if that is no queue of a server that runs the extension:
    then it cannot be retried. How often it was delivered there nobody knows any more: a quorum
    queue of letters puts its own count in that place.
    """

    id: str
    command: str | None
    died: float | None
    reason: str
    queue: str | None
    server: str | None
    type: str
    delivery: Delivery

    @property
    def routing_key(self) -> str:
        """The target that it was sent to; the name of the queue, if it was a retry."""
        return self.delivery.routing_key

    @property
    def user_id(self) -> str | None:
        """The RabbitMQ user that sent it, verified by the broker."""
        return self.delivery.envelope.user_id

    @property
    def sender(self) -> str | None:
        """Who sent it, as they say."""
        return _text(self.delivery.envelope.headers.get(SENDER_HEADER))

    @property
    def retry_of(self) -> str | None:
        """The message id of the command that it was a retry of."""
        return _text(self.delivery.envelope.headers.get(RETRY_HEADER))

    def is_called(self, name: str) -> bool:
        """Whether *name* is what its id, or that of its command, begins with."""
        return self.id.startswith(name.lower()) or (self.command or "").startswith(name)


def read_letter(delivery: Delivery, extension: Extension, known: set[str] | None = None) -> Letter:
    """The letter that *delivery* is. The ids of the letters before it are in *known*, which it is
    added to."""
    headers = delivery.envelope.headers
    death = _first_death(headers)
    died = death.get("time")
    queue = _queue_of(_text(headers.get(_FIRST_QUEUE)) or _text(death.get("queue")), extension)
    return Letter(
        id=_identify(delivery, queue, died, set() if known is None else known),
        command=delivery.envelope.message_id,
        died=died.timestamp() if isinstance(died, datetime) else None,
        reason=_text(headers.get(_FIRST_REASON)) or _text(death.get("reason")) or "unknown",
        queue=queue,
        server=None if queue is None else _server_of(queue, delivery, extension),
        type=_type_of(delivery.body),
        delivery=delivery,
    )


def _first_death(headers: Mapping[str, Any]) -> Mapping[str, Any]:
    """The entry of ``x-death`` that tells of the first death; the last one comes first there."""
    found = [each for each in _list(headers.get(_DEATHS)) if isinstance(each, Mapping)]
    return found[-1] if found else {}


def _queue_of(name: str | None, extension: Extension) -> str | None:
    """*name*, if it may be that of a server's queue: who writes to the queue of letters is not to
    have an operator publish anywhere else."""
    try:
        if not check_name(name or "", LONGEST).startswith(f"{extension.name}."):
            return None
    except ValueError:
        return None
    letters = dead_letters(extension)
    return None if name in (letters, f"{letters}.lock", expired(extension)) else name


def _server_of(queue: str, delivery: Delivery, extension: Extension) -> str:
    """The server whose durable queue, ``<extension>.<fqdn>.<consumer name>``, it is."""
    rest = queue.removeprefix(f"{extension.name}.")
    half = rest[: len(rest) // 2]
    if rest == f"{half}.{half}":
        return half
    for key in (delivery.routing_key, *_list(delivery.envelope.headers.get(TARGET_HEADER))):
        if isinstance(key, str) and "." in key and rest.startswith(f"{key}."):
            return key
    return rest.rpartition(".")[0] or rest


def _identify(delivery: Delivery, queue: str | None, died: object, known: set[str]) -> str:
    parts = [delivery.envelope.message_id, queue, delivery.routing_key, died]
    text = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    if delivery.envelope.message_id is None:
        text += delivery.body
    number = 0
    while (name := _digits(text, number)) in known:
        number += 1  # the same command by two keys, or a copy
    known.add(name)
    return name


def _digits(text: bytes, number: int) -> str:
    return hashlib.sha256(b"%d\0%s" % (number, text)).hexdigest()[:LETTER_ID]


def _type_of(body: bytes) -> str:
    """The type of a command; empty for what is none."""
    try:
        return str(decode_body(body)["type"])
    except InvalidMessage:
        return ""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()
