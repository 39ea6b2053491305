"""AMQP's frames, out of a stream of bytes that is cut anywhere (AMQP 0-9-1, section 2.3.5)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

METHOD: Final = 1
HEADER: Final = 2
BODY: Final = 3
HEARTBEAT: Final = 8

END: Final = 0xCE
"""The byte that ends every frame."""

OVERHEAD: Final = 8
"""Bytes of a frame beside what it carries: type, channel and size before, the end after."""

HEAD: Final = struct.Struct(">BHI")
"""Type, channel and size."""

BEAT: Final = HEAD.pack(HEARTBEAT, 0, 0) + bytes([END])
"""A heartbeat: what a peer says that has nothing to say."""

UNTUNED: Final = 128 * 1024
"""Bytes that a frame may carry before the broker has said how large its frames are."""

LARGEST: Final = 16 * 1024 * 1024
"""Bytes that a frame may carry, whatever the broker says: more is not kept in memory."""

_KINDS: Final = frozenset({METHOD, HEADER, BODY, HEARTBEAT})

Span = tuple[int, int, int, int]
"""A frame within a chunk of bytes: its type, its channel, and where what it carries begins and
ends. The frame itself begins 7 bytes before, and ends one byte after."""


class Frames:
    """Cuts a stream into frames. What is not whole yet is kept, at most one frame of it.

    ``limit`` is how many bytes a frame may carry. ``fault`` says what was wrong with the first
    bytes that are no frame; whatever comes after them is dropped.
    """

    def __init__(self) -> None:
        self.limit = UNTUNED
        self.fault = ""
        self._kept: list[bytes] = []
        self._at = 0
        self._has = 0
        self._needs = HEAD.size

    @property
    def kept(self) -> bytes:
        """What has come of a frame that is not whole."""
        return b"".join(self._kept)

    def feed(self, data: bytes) -> tuple[bytes, Iterator[Span]]:
        """The bytes that the frames are in which are whole now, and those frames, in order.

        They are cut one by one, as they are asked for: ``limit`` may change in between, and what
        was :meth:`passed` is not cut. All have to be asked for before the next call, unless nothing
        is to be read any more.
        """
        if self.fault:
            return b"", iter(())
        self._has += len(data)
        if self._kept:
            self._kept.append(data)
            if self._has < self._needs:
                return b"", iter(())
            data = b"".join(self._kept)
        return data, self._cut(data)

    def passed(self, at: int) -> None:
        """What stands before *at* was read by whoever asks for the frames."""
        self._at = at

    def _cut(self, data: bytes) -> Iterator[Span]:
        self._at = at = 0
        size = len(data)
        needs = HEAD.size
        unpack = HEAD.unpack_from
        while size - at >= HEAD.size:
            kind, channel, carried = unpack(data, at)
            if kind not in _KINDS:
                self.fault = f"no frame of AMQP 0-9-1 has the type {kind}"
                break
            if carried > self.limit:
                self.fault = f"a frame of {carried:,} bytes, at most {self.limit:,} are allowed"
                break
            after = at + OVERHEAD + carried
            if after > size:
                needs = OVERHEAD + carried
                break
            if data[after - 1] != END:
                self.fault = f"a frame of {carried:,} bytes has no end"
                break
            self._at = after
            yield kind, channel, at + HEAD.size, after - 1
            at = self._at
        rest = b"" if self.fault else data[at:]
        self._kept = [rest] if rest else []
        self._has, self._needs = len(rest), needs
