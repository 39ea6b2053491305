"""What a data path sends, as bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from baton.transports.amqp.frames import BODY, END, HEAD, HEADER, METHOD, OVERHEAD
from baton.transports.amqp.properties import encode_properties, short

if TYPE_CHECKING:
    from baton.transports.base import Publication

_PUBLISH: Final = struct.Struct(">HHH")
_CONTENT: Final = struct.Struct(">BHIHHQ")
_CONTENT_FIELDS: Final = _CONTENT.size - HEAD.size
_ANSWER: Final = struct.Struct(">BHIHHQBB")
_MULTIPLE: Final = 1
_REQUEUE: Final = 2
_END: Final = bytes([END])
_MANDATORY: Final = b"\x01"
_NOT_MANDATORY: Final = b"\x00"


def publish(channel: int, publication: Publication, frame_limit: int) -> bytes:
    """*publication* as frames that carry at most *frame_limit* bytes each.

    Raises TypeError, ValueError or struct.error for what cannot be said on the wire.
    """
    properties = encode_properties(publication.envelope)
    body = publication.body
    size = len(body)
    carried = _CONTENT_FIELDS + len(properties)
    if carried > frame_limit:
        raise ValueError(f"Properties of {carried:,} bytes, at most {frame_limit:,}")
    parts = [
        _method(channel, publication.exchange, publication.routing_key, publication.mandatory),
        _CONTENT.pack(HEADER, channel, carried, 60, 0, size),
        properties,
        _END,
    ]
    if 0 < size <= frame_limit:
        parts += (HEAD.pack(BODY, channel, size), body, _END)
    else:
        for at in range(0, size, frame_limit):
            part = body[at : at + frame_limit]
            parts += (HEAD.pack(BODY, channel, len(part)), part, _END)
    return b"".join(parts)


@lru_cache(maxsize=256)
def _method(channel: int, exchange: str, routing_key: str, mandatory: bool) -> bytes:
    """The frame that says where a message goes: outputs have the same few places all the time."""
    bits = _MANDATORY if mandatory else _NOT_MANDATORY
    method = _PUBLISH.pack(60, 40, 0) + short(exchange) + short(routing_key) + bits
    return HEAD.pack(METHOD, channel, len(method)) + method + _END


def acknowledge(channel: int, tag: int, multiple: bool) -> bytes:
    """That delivery *tag* is done with, and with *multiple* all before it."""
    bits = _MULTIPLE if multiple else 0
    return _ANSWER.pack(METHOD, channel, _ANSWER.size - OVERHEAD, 60, 80, tag, bits, END)


def refuse(channel: int, tag: int, requeue: bool) -> bytes:
    """That delivery *tag* is not done with: it is to wait again, or to be dead-lettered.

    A nack is no verdict on the message; RabbitMQ 4.3 counts a reject against it.
    """
    bits = _REQUEUE if requeue else 0
    return _ANSWER.pack(METHOD, channel, _ANSWER.size - OVERHEAD, 60, 120, tag, bits, END)


class Acknowledgements:
    """Which deliveries of a channel are done with: acknowledged many at once where all before
    them are done with, too."""

    def __init__(self) -> None:
        self._tags: list[int] = []
        self._refused: list[tuple[int, bool]] = []
        self._ahead: set[int] = set()
        self._lowest = 1

    def add(self, tags: Sequence[int]) -> None:
        """These are to be acknowledged."""
        self._tags += tags

    def refuse(self, tags: Sequence[int], *, requeue: bool) -> None:
        """These are not to be acknowledged, but to be dead-lettered or to wait again."""
        self._refused += [(tag, requeue) for tag in tags]

    def take_refused(self) -> Iterator[tuple[int, bool]]:
        """The tags of those that were refused, and whether they are to wait again. To be sent
        before what :meth:`take` says."""
        refused, self._refused = self._refused, []
        for tag, requeue in refused:
            self._ahead.add(tag)
            yield tag, requeue

    def take(self) -> Iterator[tuple[int, bool]]:
        """What to send for those that were added: a tag, and whether it stands for all before."""
        tags, self._tags = sorted(self._tags), []
        self._pass_over()
        run = 0
        for tag in tags:
            if tag != self._lowest:
                break
            run += 1
            self._lowest += 1
            if self._ahead:
                self._pass_over()
        if run:
            yield tags[run - 1], run > 1
        for tag in tags[run:]:
            self._ahead.add(tag)
            yield tag, False

    def _pass_over(self) -> None:
        """What was done with ahead of its turn needs none."""
        while self._lowest in self._ahead:
            self._ahead.remove(self._lowest)
            self._lowest += 1
