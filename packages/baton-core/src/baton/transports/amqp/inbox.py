"""What arrives on a data channel: deliveries, returned messages, and answers to publications."""

from __future__ import annotations

import logging
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from baton.message import Envelope
from baton.transports.amqp import frames
from baton.transports.amqp.confirms import Confirms
from baton.transports.amqp.properties import BARE, Undecodable, decode_properties
from baton.transports.amqp.whole import WholeMessages
from baton.transports.base import MAX_MESSAGE_SIZE, Delivery
from baton.transports.rabbitmq_terms import delivery_count

logger = logging.getLogger(__name__)

_METHOD: Final = struct.Struct(">HH")
_TAG: Final = struct.Struct(">QB")
_CONTENT: Final = struct.Struct(">HHQ")

DELIVER: Final = (60, 60)
_DELIVER: Final = _METHOD.pack(*DELIVER)
RETURN: Final = (60, 50)
ACK: Final = (60, 80)
NACK: Final = (60, 120)

_MULTIPLE: Final = 1


class Malformed(Exception):
    """Bytes that no broker sends on a data channel."""


@dataclass(slots=True)
class Heard:
    """What was read: deliveries, and our numbers of publications. What was returned was returned
    before it was confirmed."""

    delivered: list[Delivery] = field(default_factory=list)
    confirmed: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)


class Inbox:
    """Reads the frames of one data channel, and keeps what they say until it is taken.

    *channel* is what its deliveries name as theirs. *queues* has the queue of each consumer tag
    that there ever was.
    """

    def __init__(self, channel: object, queues: Mapping[bytes, str], confirms: Confirms) -> None:
        self._channel = channel
        self._queues = queues
        self._confirms = confirms
        self._whole = WholeMessages(channel, queues)
        self.now = 0.0
        """When what is being read was received, by ``time.monotonic()``."""
        self._heard = Heard()
        self._content: tuple[int, int] | None = None
        self._fields: tuple[str, int, bool, str] = ("", 0, False, "")
        self._address = ("", "")
        self._envelope: Envelope | None = None
        self._size = 0
        self._missing = 0
        self._parts: list[bytes] = []

    def __bool__(self) -> bool:
        """Whether there is something to take."""
        heard = self._heard
        return bool(heard.delivered or heard.confirmed or heard.returned or heard.refused)

    def take(self) -> Heard:
        """What was read since the last time."""
        heard, self._heard = self._heard, Heard()
        return heard

    def read(self, kind: int, span: tuple[int, int], data: bytes, limit: int) -> int:
        """Read a frame, whose contents span *span* in *data*, and the deliveries that stand whole
        there, in frames that carry at most *limit* bytes. Where that ends; 0 if the frame is none
        of ours.

        Raises Malformed.
        """
        start, end = span
        try:
            if kind == frames.METHOD:
                if self._content is None and data.startswith(_DELIVER, start):
                    begin = start - frames.HEAD.size
                    delivered = self._heard.delivered
                    after = self._whole.read(data, begin, limit, self.now, delivered)
                    if after > start:
                        return after
                return end + 1 if self._method(data[start:end]) else 0
            if kind == frames.HEADER:
                self._header(data[start:end])
            else:
                self._body(data, start, end)
        except (IndexError, struct.error) as error:
            raise Malformed(f"A frame that is too short ({error})") from error
        return end + 1

    def _method(self, data: bytes) -> bool:
        method = _METHOD.unpack_from(data)
        if self._content is not None:
            raise Malformed(f"The method {method} within a message")
        if method == DELIVER:
            self._deliver(data, _METHOD.size)
        elif method in (ACK, NACK):
            if len(data) != _METHOD.size + _TAG.size:
                raise Malformed("An answer to a publication that is too short or too long")
            tag, bits = _TAG.unpack_from(data, _METHOD.size)
            numbers = self._confirms.settled(tag, bool(bits & _MULTIPLE))
            (self._heard.confirmed if method == ACK else self._heard.refused).extend(numbers)
        elif method == RETURN:
            self._return(data, _METHOD.size)
        else:
            return False
        return True

    def _deliver(self, data: bytes, at: int) -> None:
        after_tag = at + 1 + data[at]
        consumer = data[at + 1 : after_tag]
        tag, redelivered = _TAG.unpack_from(data, after_tag)
        at = after_tag + _TAG.size
        at += 1 + data[at]  # the exchange: a consumer knows it
        after_key = at + 1 + data[at]
        if after_key != len(data):
            raise Malformed("A delivery that is too short or too long")
        # A message of another program may have any bytes there. It is no reason to end with it.
        key = data[at + 1 : after_key].decode(errors="replace")
        queue = self._queues.get(consumer)
        if queue is None:
            raise Malformed("A delivery to a consumer that nobody asked for")
        self._fields = (queue, tag, bool(redelivered & 1), key)
        self._content = DELIVER

    def _return(self, data: bytes, at: int) -> None:
        at += 2  # the reply code
        at += 1 + data[at]  # and its text: there is one reason only
        after_exchange = at + 1 + data[at]
        exchange = data[at + 1 : after_exchange].decode(errors="replace")
        after_key = after_exchange + 1 + data[after_exchange]
        if after_key != len(data):
            raise Malformed("A returned message that is too short or too long")
        key = data[after_exchange + 1 : after_key].decode(errors="replace")
        self._address = (exchange, key)
        self._content = RETURN

    def _header(self, data: bytes) -> None:
        if self._content is None or self._envelope is not None:
            raise Malformed("A content header without a method")
        self._size = self._missing = _CONTENT.unpack_from(data)[2]
        try:
            self._envelope = decode_properties(data, _CONTENT.size)
        except Undecodable as error:
            logger.warning(
                "Took the properties of a message for none: they cannot be decoded (%s)", error
            )
            self._envelope = BARE
        if self._size > MAX_MESSAGE_SIZE:
            logger.warning(
                "Took a body of %s bytes for empty: at most %s are allowed",
                f"{self._size:,}",
                f"{MAX_MESSAGE_SIZE:,}",
            )
        if self._missing == 0:
            self._complete(b"")

    def _body(self, data: bytes, start: int, end: int) -> None:
        if self._envelope is None:
            raise Malformed("A body without a content header")
        self._missing -= end - start
        if self._missing < 0:
            raise Malformed(f"A body of more than the {self._size:,} bytes that were said")
        if self._size <= MAX_MESSAGE_SIZE and self._content == DELIVER and end > start:
            self._parts.append(data[start:end])
        if self._missing == 0:
            body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            self._complete(body)

    def _complete(self, body: bytes) -> None:
        envelope = self._envelope
        assert envelope is not None  # noqa: S101  (both callers have looked)
        if self._content == DELIVER:
            queue, tag, redelivered, key = self._fields
            count = delivery_count(envelope.headers, redelivered)
            here = self._channel
            self._heard.delivered.append(
                Delivery(queue, tag, here, key, body, envelope, redelivered, self.now, count)
            )
        else:
            number = self._confirms.returned(*self._address, envelope.message_id)
            if number is not None:
                self._heard.returned.append(number)
        self._content = self._envelope = None
        self._parts = []
