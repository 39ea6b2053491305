"""Where the frames of a stream of AMQP 0-9-1 begin and end (section 2.3.5)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

HEARTBEAT: Final = 8
_KINDS: Final = {1, 2, 3, HEARTBEAT}
_HEAD: Final = struct.Struct(">BHI")
_GREETING: Final = b"AMQP"
_GREETING_SIZE: Final = 8
_END: Final = 0xCE
_LONGEST: Final = 1 << 20
"""Bytes of a frame that are kept at most while the rest of it is waited for."""


class Frames:
    """Splits one direction of a connection into its frames. What is no AMQP is passed on as it
    comes; ``is_amqp`` is False from there on."""

    def __init__(self) -> None:
        self.is_amqp = True
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that are complete with *data*, each with its head and its end."""
        rest = self._rest + data
        while rest and self.is_amqp:
            size = self._size(rest)
            if size is None or len(rest) < size:
                self._rest = rest
                return
            frame, rest = rest[:size], rest[size:]
            self.is_amqp = frame.startswith(_GREETING) or frame[-1] == _END
            yield frame
        self._rest = b""
        if rest:
            yield rest

    def end(self) -> bytes:
        """What came of a frame that was not complete when the stream ended."""
        rest, self._rest = self._rest, b""
        return rest

    def _size(self, rest: bytes) -> int | None:
        """The bytes of the frame that begins here, as far as that can be told."""
        if rest.startswith(_GREETING[: len(rest)]):
            return _GREETING_SIZE
        if rest[0] not in _KINDS:
            self.is_amqp = False
            return len(rest)
        if len(rest) < _HEAD.size:
            return None
        size: int = _HEAD.unpack_from(rest)[2] + _HEAD.size + 1
        if size > _LONGEST:
            self.is_amqp = False
            return len(rest)
        return size


def is_heartbeat(frame: bytes) -> bool:
    """Whether *frame* says no more than that its sender lives."""
    return frame[:1] == bytes([HEARTBEAT])


def damaged(frame: bytes, position: int, bit: int) -> bytes:
    """*frame* with one bit of the byte at *position* flipped, counted from its end if negative."""
    changed = bytearray(frame)
    changed[position] ^= 1 << bit
    return bytes(changed)
