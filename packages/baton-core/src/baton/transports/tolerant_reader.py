"""A reader that no message's properties can break, and that takes no damaged frame for another.

aiormq ends the connection at the first properties that it cannot decode: a timestamp in the year
55840 is enough, and RabbitMQ passes on whatever it was sent. A queue that outlives its connection
would deliver that message again and again, and nothing behind it.

What is no frame ends the connection here and at once: aiormq waits for all of a frame of 4 GB, and
passes over what is for a channel that it does not know, as if nothing were missing.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from typing import Final

from pamqp.header import ContentHeader

from baton.transports.base import MAX_MESSAGE_SIZE
from baton.transports.refusals import ALERT, SpeaksTLS

logger = logging.getLogger(__name__)

_FRAME: Final = struct.Struct(">BHI")
"""Type, channel and size: AMQP 0-9-1, section 2.3.5."""

_METHOD_FRAME: Final = 1
_HEADER_FRAME: Final = 2
_BODY_FRAME: Final = 3
_HEARTBEAT_FRAME: Final = 8
_KINDS: Final = {_METHOD_FRAME, _HEADER_FRAME, _BODY_FRAME, _HEARTBEAT_FRAME}
_OPENED: Final = b"\x00\x14\x00\x0b"
"""How the method ``channel.open-ok`` begins."""
_END: Final = b"\xce"
_LONGEST: Final = 2 * MAX_MESSAGE_SIZE
"""Bytes of a frame: a whole body goes into one where ``frame_max`` is without limit."""
_FIXED: Final = 12
"""Bytes of a content header before its property flags: class, weight and body size."""


class Damaged(ConnectionError):
    """What was read is no frame."""

    def __init__(self) -> None:
        super().__init__("what came from the broker is no frame of AMQP: it was damaged")


class TolerantReader(asyncio.StreamReader):
    """Reads frames from *reader*. Properties that cannot be decoded are taken for none; the body
    is delivered as it is. *heard* is called with each frame, save heartbeats."""

    def __init__(
        self, reader: asyncio.StreamReader, heard: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__()
        self._reader = reader
        self._heard = heard
        self._pending = b""
        self._channels = {0}

    def at_eof(self) -> bool:
        """Whether there is nothing more to read."""
        return not self._pending and self._reader.at_eof()

    async def readexactly(self, n: int) -> bytes:
        """The next *n* bytes; *n* ends where a frame ends, or before. Raises SpeaksTLS, and
        ConnectionError for what is no frame."""
        if not self._pending:
            self._pending = await self._next_frame()
        data, self._pending = self._pending[:n], self._pending[n:]
        return data

    async def _next_frame(self) -> bytes:
        head = await self._reader.readexactly(_FRAME.size)
        if head.startswith(ALERT):
            raise SpeaksTLS
        if head.startswith(b"AMQP"):  # no frame: the broker speaks another version
            return head
        kind, channel, size = _FRAME.unpack(head)
        if kind not in _KINDS or size > _LONGEST:
            raise Damaged
        rest = await self._reader.readexactly(size + 1)
        if not rest.endswith(_END):
            raise Damaged
        if channel not in self._channels:
            if kind != _METHOD_FRAME or not rest.startswith(_OPENED):
                raise Damaged
            self._channels.add(channel)
        if kind != _HEARTBEAT_FRAME:
            self._heard()
        if kind == _HEADER_FRAME and not _is_decodable(rest[:-1]):
            logger.warning("Took the properties of a message for none: they cannot be decoded")
            bare = rest[:_FIXED] + b"\x00\x00"
            return _FRAME.pack(kind, channel, len(bare)) + bare + rest[-1:]
        return head + rest


def _is_decodable(header: bytes) -> bool:
    try:
        ContentHeader().unmarshal(header)
    except Exception:  # noqa: BLE001  (whatever pamqp raises: RecursionError too)
        return False
    return True
