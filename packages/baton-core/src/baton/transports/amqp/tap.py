"""Tells what is the data path's, and what is aio-pika's.

A tap stands where bytes from the broker arrive. Frames of the channels that are attached to it are
read there, a whole chunk at a time; all others are passed on unchanged. It hears what concerns the
connection: how large frames may be, whether the broker takes messages, and when it last said
something.
"""

from __future__ import annotations

import struct
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Final

from baton.transports.amqp.frames import (
    BEAT,
    HEAD,
    HEARTBEAT,
    LARGEST,
    METHOD,
    OVERHEAD,
    Frames,
    Span,
)
from baton.transports.amqp.inbox import Malformed
from baton.transports.refusals import ALERT, SpeaksTLS

_METHOD: Final = struct.Struct(">HH")
_TUNE: Final = struct.Struct(">HI")
_CONNECTION_TUNE: Final = (10, 30)
_CONNECTION_BLOCKED: Final = (10, 60)
_CONNECTION_UNBLOCKED: Final = (10, 61)
_CHANNEL_OPEN_OK: Final = (20, 11)
_CHANNEL_CLOSE: Final = (20, 40)
_CHANNEL_CLOSE_OK: Final = (20, 41)

_SMALLEST: Final = 4096
"""Bytes of a frame that every peer has to take."""

_BEAT: Final = 1.0
"""Seconds after which aio-pika is told that the broker lives, while it has nothing else to read."""

_PROTOCOL: Final = b"AMQP"


class Damaged(ConnectionError):
    """What came is not AMQP, or more than is allowed. It is not read any further."""

    def __init__(self, what: str) -> None:
        super().__init__(f"what came from the broker is no frame of AMQP: it was damaged ({what})")


class Attached(ABC):
    """What reads the frames of a channel."""

    @abstractmethod
    def read(self, kind: int, span: tuple[int, int], data: bytes, limit: int, now: float) -> int:
        """Read a frame that carries what spans *span* in *data* and was received at *now*, by
        ``time.monotonic()``; with it messages of the channel that stand whole there, in frames that
        carry at most *limit* bytes. Where what was read ends; 0 if the frame is to be passed on.
        Raises Malformed."""

    @abstractmethod
    def tell(self) -> None:
        """All that has arrived is read, and passed on: tell what it said. Raises nothing."""

    @abstractmethod
    def detached(self) -> None:
        """The channel is closed: nothing comes any more, and nothing may be sent. aio-pika
        does not know yet."""


class Tap:
    """One connection's. *on_blocked* is called with the broker's reason when it takes no more
    messages, and with None when it does again; *on_heard* with each frame that is passed on, save
    heartbeats.

    A frame for a channel that was not opened is a damaged one: aiormq would pass it over, as if
    nothing were missing.

    ``fault`` is what was wrong with the bytes, once something was: nothing is read any more.
    ``heard`` is when the last byte came, by ``time.monotonic()``, 0 before the first.
    ``frame_limit`` is how many bytes a frame may carry, either way.
    """

    def __init__(
        self, on_blocked: Callable[[str | None], None], on_heard: Callable[[], None]
    ) -> None:
        self.fault: ConnectionError | None = None
        self.heard = 0.0
        self._on_blocked = on_blocked
        self._on_heard = on_heard
        self._opened = {0}
        self._frames = Frames()
        self._attached: dict[int, Attached] = {}
        self._untold: dict[Attached, None] = {}
        self._opening: bytes | None = b""
        self._foreign = False
        self._passed = 0.0

    @property
    def frame_limit(self) -> int:
        return self._frames.limit

    def attach(self, channel: int, reader: Attached) -> None:
        """From now on the frames of *channel* are read by *reader*, until the channel is closed."""
        self._opened.add(channel)
        self._attached[channel] = reader

    def end(self) -> bytes:
        """The other side has ended. What is passed on of a frame that is not whole."""
        return self._opening or self._frames.kept

    def feed(self, data: bytes) -> bytes:
        """Read what has arrived; what is returned is to be passed on."""
        self.heard = time.monotonic()
        if self._opening is not None:
            data = self._begin(data)
        if self._foreign:
            return data
        if self.fault is not None:
            return b""
        passed = self._read(*self._frames.feed(data))
        if self._frames.fault and self.fault is None:
            self.fault = Damaged(self._frames.fault)
        if passed:
            self._passed = self.heard
        elif self._attached and self.heard - self._passed >= _BEAT:
            self._passed = self.heard
            return BEAT
        return passed

    def tell(self) -> None:
        """Have the readers tell what they have read. To be called when what :meth:`feed` returned
        was passed on: they answer in the turn of the loop in which they were asked."""
        if self._untold:
            untold, self._untold = self._untold, {}
            for reader in untold:
                reader.tell()

    def _begin(self, data: bytes) -> bytes:
        """The stream from its beginning, once there is enough to tell what it is."""
        opening = (self._opening or b"") + data
        if opening.startswith(ALERT):
            self.fault = SpeaksTLS()
        elif opening.startswith(_PROTOCOL):  # the broker speaks another version: aiormq says so
            self._foreign = True
        elif len(opening) < HEAD.size:
            self._opening = opening
            return b""
        self._opening = None
        return opening

    def _read(self, data: bytes, spans: Iterable[Span]) -> bytes:
        passed = []
        frames = self._frames
        for kind, channel, start, end in spans:
            if channel not in self._opened and not self._opens(channel, kind, data, start, end):
                self.fault = Damaged(f"a frame for the channel {channel}, which is not open")
                break
            reader = self._attached.get(channel)
            if reader is not None and kind != HEARTBEAT:
                self._untold[reader] = None
                try:
                    after = reader.read(kind, (start, end), data, frames.limit, self.heard)
                except Malformed as error:
                    self.fault = Damaged(str(error))
                    break
                if after:
                    frames.passed(after)
                    continue
                self._look_if_closed(channel, reader, data, start, end)
            elif channel == 0 and kind == METHOD:
                self._control(data, start, end)
            if kind != HEARTBEAT:
                self._on_heard()
            passed.append(data[start - HEAD.size : end + 1])
        return b"".join(passed)

    def _opens(self, channel: int, kind: int, data: bytes, start: int, end: int) -> bool:
        """Whether this frame opens its channel."""
        is_method = kind == METHOD and end - start >= _METHOD.size
        if not is_method or _METHOD.unpack_from(data, start) != _CHANNEL_OPEN_OK:
            return False
        self._opened.add(channel)
        return True

    def _look_if_closed(
        self, channel: int, reader: Attached, data: bytes, start: int, end: int
    ) -> None:
        if end - start >= _METHOD.size:
            method = _METHOD.unpack_from(data, start)
            if method in (_CHANNEL_CLOSE, _CHANNEL_CLOSE_OK):
                del self._attached[channel]
                reader.detached()

    def _control(self, data: bytes, start: int, end: int) -> None:
        """A method of the connection itself. It is passed on, whatever is wrong with it."""
        if end - start < _METHOD.size:
            return
        method = _METHOD.unpack_from(data, start)
        if method == _CONNECTION_TUNE and end - start >= _METHOD.size + _TUNE.size:
            largest = _TUNE.unpack_from(data, start + _METHOD.size)[1] or LARGEST
            self._frames.limit = min(max(largest, _SMALLEST), LARGEST) - OVERHEAD
        elif method == _CONNECTION_BLOCKED:
            reason = data[start + _METHOD.size + 1 : end].decode(errors="replace")
            self._on_blocked(reason)
        elif method == _CONNECTION_UNBLOCKED:
            self._on_blocked(None)
