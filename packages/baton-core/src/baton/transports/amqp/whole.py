"""Messages that have arrived whole: method, content header and one body, which nearly all have.

Read in one go a command costs 4.7 µs, frame by frame 8.8. What is not whole, is cut into several
bodies, or is wrong in any way is left to :mod:`baton.transports.amqp.inbox`, which knows what is
wrong with it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from baton.transports.amqp.frames import BODY, END, HEAD, HEADER, METHOD, OVERHEAD
from baton.transports.amqp.properties import Undecodable, decode_properties
from baton.transports.base import Delivery
from baton.transports.rabbitmq_terms import delivery_count

_DELIVER: Final = 60, 60
_METHOD: Final = struct.Struct(">BHIHHB")
"""The head of a frame, class and method, and how long the consumer's tag is."""
_TAG: Final = struct.Struct(">Q")
_CONTENT: Final = struct.Struct(">BHIHHQ")
"""The head of a frame, class and weight, and how long the body is."""
_SHORTEST_CONTENT: Final = 14
"""Bytes of a content header without properties: class, weight, length, flags."""


class WholeMessages:
    """Reads the deliveries to *queues*, which name *channel* as theirs."""

    def __init__(self, channel: object, queues: Mapping[bytes, str]) -> None:
        self._channel = channel
        self._queues = queues

    def read(self, data: bytes, at: int, limit: int, now: float, deliveries: list[Delivery]) -> int:
        """Add to *deliveries* those that stand at *at* in *data*, one after the other on one
        channel, in frames that carry at most *limit* bytes. Where that ends."""
        number = None
        try:
            while True:
                kind, channel, size, group, method, length = _METHOD.unpack_from(data, at)
                if kind != METHOD or (group, method) != _DELIVER or size > limit:
                    return at
                if number is None:
                    number = channel
                tag_at = at + _METHOD.size + length
                queue = self._queues.get(data[at + _METHOD.size : tag_at])
                header = at + OVERHEAD + size
                address = _address(data[tag_at + _TAG.size : header])
                if channel != number or queue is None or address is None:
                    return at
                redelivered, key = address

                kind, channel, size, _, _, length = _CONTENT.unpack_from(data, header)
                body = header + OVERHEAD + size
                if kind != HEADER or channel != number or data[body - 1] != END:
                    return at
                if not _SHORTEST_CONTENT <= size <= limit:
                    return at
                envelope = decode_properties(data[header + _CONTENT.size : body - 1], 0)

                after = body
                if length:
                    kind, channel, size = HEAD.unpack_from(data, body)
                    body += HEAD.size
                    after = body + length + 1
                    if kind != BODY or channel != number or size != length or size > limit:
                        return at
                    if data[after - 1] != END:
                        return at
                deliveries.append(
                    Delivery(
                        queue,
                        _TAG.unpack_from(data, tag_at)[0],
                        self._channel,
                        key,
                        data[body : after - 1] if length else b"",
                        envelope,
                        redelivered,
                        now,
                        delivery_count(envelope.headers, redelivered) if redelivered else 0,
                    )
                )
                at = after
        except (IndexError, struct.error, Undecodable):  # it is not whole, or wrong
            return at


@lru_cache(maxsize=256)
def _address(data: bytes) -> tuple[bool, str] | None:
    """Whether a message was delivered before, and its routing key; *data* is what follows the tag
    in a delivery's frame, which for one queue is nearly always the same. None if it is wrong."""
    exchange = 1
    key = exchange + 1 + data[exchange]
    end = key + 1 + data[key]
    if len(data) != end + 1 or data[end] != END:
        return None
    return bool(data[0] & 1), data[key + 1 : end].decode(errors="replace")
