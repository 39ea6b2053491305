"""Messages: the envelope that travels in AMQP properties and headers, and the JSON body.

The wire is described in docs/wire.md. Every header name stands here and nowhere else.
"""

from __future__ import annotations

import json
import math
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from itertools import islice
from typing import Any, Final, NoReturn

from baton.errors import InvalidMessage
from baton.light import light
from baton.text import shorten

WIRE_VERSION: Final = 1
CONTENT_TYPE: Final = "application/json"
MOST_VALUES: Final = 500_000
"""Of a body: a small one has two bytes on the wire, but a hundred in memory, and takes as long to
read as a large one. An event loop reads so many in less than a second."""

VERSION_HEADER: Final = "baton-version"
TARGET_HEADER: Final = "baton-target"
SENDER_HEADER: Final = "baton-sender"
WHERE_HEADER: Final = "baton-where"
SPLAY_HEADER: Final = "baton-splay"
RETRY_HEADER: Final = "baton-retry-of"
SIGNATURE_HEADER: Final = "baton-signature"
INSTANCE_HEADER: Final = "baton-instance"
SEQUENCE_HEADER: Final = "baton-seq"
END_HEADER: Final = "baton-end"
BCC_HEADER: Final = "BCC"
"""RabbitMQ's sender-selected distribution: more routing keys, removed before delivery.
https://www.rabbitmq.com/docs/sender-selected"""

END_TYPE: Final = "end"
"""The ``type`` of the message that only tells a requester that a command is finished."""

_REPLY_KEY = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


def new_id() -> str:
    """A fresh identifier of 128 random bits, safe as a routing key."""
    return secrets.token_hex(16)


def is_reply_key(key: object) -> bool:
    """Whether *key* may be used as a ``reply_to`` key: ``[A-Za-z0-9._-]{1,64}``."""
    return isinstance(key, str) and _REPLY_KEY.match(key) is not None


@light()
class Envelope:
    """What travels beside a body.

    ``timestamp`` is in seconds since the epoch, ``expires`` in seconds from when the broker took
    the message. A message from a Ruby Baton has none of it.
    """

    message_id: str | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    timestamp: float | None = None
    expires: float | None = None
    user_id: str | None = None
    app_id: str | None = None
    content_type: str | None = CONTENT_TYPE
    persistent: bool = False
    headers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def expiration(self) -> str | None:
        """``expires`` as AMQP has it: whole milliseconds, in a string."""
        return None if self.expires is None else str(math.ceil(self.expires * 1000))

    @property
    def sender(self) -> str | None:
        """Who sent it, as they say."""
        value = self.headers.get(SENDER_HEADER)
        return value if isinstance(value, str) else None


class Message(Mapping[str, Any]):
    """A command or an output as it was received: a read-only mapping over its JSON body.

    >>> message = Message.decode(b'{"type": "ping"}', routing_key="production")
    >>> message["type"], message.routing_key, message.message_id
    ('ping', 'production', None)
    """

    __slots__ = (
        "_body",
        "delivery_count",
        "envelope",
        "raw",
        "received",
        "redelivered",
        "routing_key",
    )

    def __init__(
        self,
        body: Mapping[str, Any],
        raw: bytes = b"",
        envelope: Envelope | None = None,
        routing_key: str = "",
        redelivered: bool = False,
        received: float | None = None,
        delivery_count: int = 0,
    ) -> None:
        self._body = body
        self.raw = raw
        self.envelope = envelope or Envelope()
        self.routing_key = routing_key
        self.redelivered = redelivered
        """Whether it was delivered before, perhaps to another process: it may have been begun."""
        self.received = received
        """When this process received it, by ``time.monotonic()``; None if it was not received."""
        self.delivery_count = delivery_count
        """How often it was delivered before, as far as the broker counts it: in a quorum queue."""

    @classmethod
    def decode(
        cls,
        raw: bytes,
        envelope: Envelope | None = None,
        routing_key: str = "",
        redelivered: bool = False,
        received: float | None = None,
        delivery_count: int = 0,
    ) -> Message:
        """Read *raw* as a JSON object with a string ``type``; raise InvalidMessage if it is not."""
        return cls(
            decode_body(raw), raw, envelope, routing_key, redelivered, received, delivery_count
        )

    @property
    def type(self) -> str:
        """The ``type`` of the body, ``""`` for a message built without one."""
        value = self._body.get("type", "")
        return value if isinstance(value, str) else ""

    @property
    def message_id(self) -> str | None:
        """What tells this message from every other; None from a Ruby Baton."""
        return self.envelope.message_id

    @property
    def correlation_id(self) -> str | None:
        """Of an output: the ``message_id`` of the command that it answers."""
        return self.envelope.correlation_id

    @property
    def reply_to(self) -> str | None:
        """Of a command: the key under which the requester listens on the output exchange."""
        return self.envelope.reply_to

    @property
    def timestamp(self) -> float | None:
        """When it was sent by the sender's clock, in seconds since the epoch."""
        return self.envelope.timestamp

    @property
    def expires(self) -> float | None:
        """Of a command: seconds after which it is not to be started any more."""
        return self.envelope.expires

    @property
    def user_id(self) -> str | None:
        """The RabbitMQ user that published it, verified by the broker."""
        return self.envelope.user_id

    @property
    def sender(self) -> str | None:
        """Who sent it, as they say."""
        return self.envelope.sender

    @property
    def headers(self) -> Mapping[str, Any]:
        """The AMQP headers."""
        return self.envelope.headers

    def __getitem__(self, key: str) -> Any:
        return self._body[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._body)

    def __len__(self) -> int:
        return len(self._body)

    def __repr__(self) -> str:
        return f"<Message {self.message_id or 'without id'}: {shorten(repr(dict(self._body)))}>"


def encode_body(body: Mapping[str, Any]) -> bytes:
    """*body* as ASCII-escaped JSON in the original's compact form.

    Half of a surrogate pair, as a file name that is not UTF-8 has it, becomes U+FFFD: no reader
    takes it. Raises TypeError for a value that is not JSON, ValueError for NaN and Infinity, and
    for more than :data:`MOST_VALUES`.
    """
    try:
        text = "".join(_encode(body, 0))
    except RecursionError:
        text = _ENCODER.encode(body)  # which tells a circle from what is nested too deeply
    if len(text) > MOST_VALUES and _has_too_many_values(text):
        raise _NotJSON(_TOO_MANY)
    if "\\" in text and _has_half_of_a_pair(text):
        text = _SURROGATE.sub(lambda found: found["pair"] or r"\ufffd", text)
    return text.encode("ascii")


def decode_body(raw: bytes) -> dict[str, Any]:
    """*raw* as a JSON object with a string ``type``; raises InvalidMessage if it is not."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidMessage(
            f"A command is a JSON object in UTF-8; byte {error.start} is not UTF-8"
        ) from None
    if len(text) > MOST_VALUES and _has_too_many_values(text):
        raise _invalid(_TOO_MANY, text)
    try:
        body = _parse(text)
        if "\\" in text and _has_half_of_a_pair(text):
            raise _NotJSON("it contains half of a surrogate pair")
    except RecursionError:
        raise _invalid("it is nested too deeply", text) from None
    except (json.JSONDecodeError, _NotJSON) as error:
        what = "it begins with a byte order mark" if text.startswith("\ufeff") else str(error)
        raise _invalid(what, text) from None
    except ValueError:  # int() has a limit of its own
        raise _invalid("a number has too many digits", text) from None
    if not isinstance(body, dict):
        raise _invalid(f"it is {_json_kind(body)}", text)
    kind = body.get("type")
    if not isinstance(kind, str):
        what = f"the type is {_json_kind(kind)}" if "type" in body else "it has no type"
        raise _invalid(what, text)
    return body


def _parse(text: str) -> object:
    # What decode() does beside this, to look for blanks at both ends, takes as long again.
    if text.startswith("{"):
        value, end = _DECODER.raw_decode(text)
        if end == len(text):
            return value
    return _DECODER.decode(text)


def _has_too_many_values(text: str) -> bool:
    """Whether the JSON *text* has more than MOST_VALUES: each follows a bracket or a comma. Not to
    be asked of a text with fewer letters than that."""
    if sum(map(text.count, ",[{")) < MOST_VALUES:
        return False  # even if none of them stands in a string
    return next(islice(_SEPARATOR.finditer(text), MOST_VALUES, None), None) is not None


def _has_half_of_a_pair(text: str) -> bool:
    """Whether the JSON *text* has half of a surrogate pair. To be asked of a text with a backslash:
    most has none, and one letter is found 30 times as fast as three: 24 µs in 1 MiB, not 800."""
    return ("\\ud" in text or "\\uD" in text) and _PAIRED.fullmatch(text) is None


def _invalid(what: str, text: str) -> InvalidMessage:
    rule = "A command is a JSON object with a type"
    if not text:
        return InvalidMessage(f"{rule}; it was empty")
    return InvalidMessage(f'{rule}; {shorten(what)}; came: "{shorten(text)}"')


def _json_kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


class _NotJSON(ValueError):
    """What Python's decoder lets pass."""


def _refuse_constant(name: str) -> NoReturn:
    raise _NotJSON(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _NotJSON("a number is too large")
    return number


_SURROGATE = re.compile(
    r"(?P<pair>\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2})|\\ud[89a-f][0-9a-f]{2}"
)
"""An escaped backslash or a whole pair, which stay as they are; or half a pair."""
_PAIRED = re.compile(
    r"(?:[^\\]++|\\(?!u[dD][89a-fA-F])(?s:.)"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+"
)
"""JSON in which no half of a pair is escaped."""
_SEPARATOR = re.compile(r'(?:[^",\[{]++|"(?:[^"\\]++|\\(?s:.)?+)*+(?:"|\Z))*+(?:[,\[{]|\Z)')
"""What stands before a value, and everything up to it; strings are passed over as a whole, also one
that does not end. Nothing is looked at twice."""
_TOO_MANY = f"it has more than {MOST_VALUES:,} values"
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _prepared(encoder: json.JSONEncoder) -> Callable[[object, int], Iterable[str]]:
    """What *encoder* makes anew for each value, made once and without looking for circles: 1.2 of
    the 2.4 µs of a pong. Not documented, and CPython's own, so *encoder* itself where it is not
    there."""
    make: Callable[..., Callable[[object, int], Iterable[str]]] | None = getattr(
        json.encoder, "c_make_encoder", None
    )
    if make is None:
        return lambda value, _: (encoder.encode(value),)
    escape = json.encoder.encode_basestring_ascii
    separators = encoder.key_separator, encoder.item_separator
    return make(None, encoder.default, escape, None, *separators, False, False, False)


_encode = _prepared(_ENCODER)
