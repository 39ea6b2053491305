"""An envelope as AMQP has it, the properties of a message, and the way back (section 4.2.6.1).

What does not concern an envelope (priority, encoding, type) is passed over.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any, Final

from baton.message import Envelope
from baton.transports.amqp.tables import decode_table, decode_timestamp, encode_table

BARE: Final = Envelope(content_type=None)
"""What a message without properties has."""

PERSISTENT: Final = 2

_FLAGS: Final = struct.Struct(">H")
_U64: Final = struct.Struct(">Q")

_CONTENT_TYPE, _CONTENT_ENCODING, _HEADERS, _MODE, _PRIORITY = (
    1 << bit for bit in range(15, 10, -1)
)
_CORRELATION_ID, _REPLY_TO, _EXPIRATION, _MESSAGE_ID, _TIMESTAMP = (
    1 << bit for bit in range(10, 5, -1)
)
_TYPE, _USER_ID, _APP_ID, _CLUSTER_ID = (1 << bit for bit in range(5, 1, -1))
_MORE = 1

_LENGTHS: Final = tuple(bytes((length,)) for length in range(256))


class Undecodable(ValueError):
    """The properties of a message cannot be read."""


def decode_properties(data: bytes, at: int) -> Envelope:
    """The envelope in *data*, whose property flags begin at *at*; what is missing there is None.

    Raises Undecodable.
    """
    try:
        return _decode(data, at)
    except (ValueError, IndexError, struct.error, ArithmeticError) as error:
        raise Undecodable(str(error)) from error


def _decode(data: bytes, at: int) -> Envelope:
    flags = more = _FLAGS.unpack_from(data, at)[0]
    at += 2
    while more & _MORE:  # no property has a flag in there
        more = _FLAGS.unpack_from(data, at)[0]
        at += 2
    if flags <= _MORE:
        return BARE
    content_type = correlation_id = reply_to = expiration = message_id = None
    timestamp = user_id = app_id = None
    headers: dict[str, Any] = {}
    mode = 0
    if flags & _CONTENT_TYPE:
        end = at + 1 + data[at]
        content_type = data[at + 1 : end].decode()
        at = end
    if flags & _CONTENT_ENCODING:
        at = _pass_over(data, at)
    if flags & _HEADERS:
        headers, at = decode_table(data, at)
    if flags & _MODE:
        mode = data[at]
        at += 1
    if flags & _PRIORITY:
        _ = data[at]
        at += 1
    if flags & _CORRELATION_ID:
        end = at + 1 + data[at]
        correlation_id = data[at + 1 : end].decode()
        at = end
    if flags & _REPLY_TO:
        end = at + 1 + data[at]
        reply_to = data[at + 1 : end].decode()
        at = end
    if flags & _EXPIRATION:
        end = at + 1 + data[at]
        expiration = data[at + 1 : end].decode()
        at = end
    if flags & _MESSAGE_ID:
        end = at + 1 + data[at]
        message_id = data[at + 1 : end].decode()
        at = end
    if flags & _TIMESTAMP:
        timestamp = decode_timestamp(_U64.unpack_from(data, at)[0])
        at += 8
    if flags & _TYPE:
        at = _pass_over(data, at)
    if flags & _USER_ID:
        end = at + 1 + data[at]
        user_id = data[at + 1 : end].decode()
        at = end
    if flags & _APP_ID:
        end = at + 1 + data[at]
        app_id = data[at + 1 : end].decode()
        at = end
    if flags & _CLUSTER_ID:
        at = _pass_over(data, at)
    return Envelope(
        message_id,
        correlation_id,
        reply_to,
        timestamp,
        int(expiration) / 1000 if expiration and expiration.isdecimal() else None,
        user_id,
        app_id,
        content_type,
        mode == PERSISTENT,
        headers,
    )


def encode_properties(envelope: Envelope) -> bytes:
    """*envelope* as property flags and properties: whole seconds, and an expiry in milliseconds.

    Raises TypeError, ValueError or struct.error for what properties cannot say: a string of more
    than 255 bytes is one.
    """
    flags = _MODE
    parts = []
    if envelope.content_type:
        flags |= _CONTENT_TYPE
        parts.append(familiar(envelope.content_type))
    if envelope.headers:
        flags |= _HEADERS
        parts.append(encode_table(envelope.headers))
    parts.append(b"\x02" if envelope.persistent else b"\x01")
    if envelope.correlation_id:
        flags |= _CORRELATION_ID
        parts.append(short(envelope.correlation_id))
    if envelope.reply_to:
        flags |= _REPLY_TO
        parts.append(short(envelope.reply_to))
    if envelope.expires is not None:
        flags |= _EXPIRATION
        parts.append(short(envelope.expiration or ""))
    if envelope.message_id:
        flags |= _MESSAGE_ID
        parts.append(short(envelope.message_id))
    if envelope.timestamp is not None:
        flags |= _TIMESTAMP
        parts.append(_U64.pack(int(envelope.timestamp)))
    if envelope.user_id:
        flags |= _USER_ID
        parts.append(familiar(envelope.user_id))
    if envelope.app_id:
        flags |= _APP_ID
        parts.append(familiar(envelope.app_id))
    return _FLAGS.pack(flags) + b"".join(parts)


def short(text: str) -> bytes:
    """*text* as a short string, which has at most 255 bytes: ValueError if it has more."""
    encoded = text.encode()
    if len(encoded) > 255:
        raise ValueError(f"{len(encoded)} bytes, at most 255 are allowed: {text[:40]}…")
    return _LENGTHS[len(encoded)] + encoded


def _pass_over(data: bytes, at: int) -> int:
    """Where the short string ends that begins at *at*: it has to be one."""
    end = at + 1 + data[at]
    data[at + 1 : end].decode()
    return end


familiar = lru_cache(maxsize=256)(short)
"""The same, for what is said again and again."""
