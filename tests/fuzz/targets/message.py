"""A message's body. It is read, or refused with InvalidMessage, in bounded time; and what was read
can be sent again and is the same then."""

from __future__ import annotations

import json

from baton.errors import InvalidMessage
from baton.message import Message, decode_body, encode_body
from fuzz.oracle import check_message, no_stall


def check(data: bytes) -> None:
    """Read *data* as a body."""
    with no_stall():
        try:
            message = Message.decode(data)
        except InvalidMessage as error:
            check_message(str(error))
            return
        assert isinstance(message["type"], str)
        repr(message).encode()
        sent = encode_body(dict(message))
        assert sent.isascii()
        assert decode_body(sent) == dict(message)
        # Python's own decoder takes more than we do, never something else.
        assert json.loads(data) == dict(message)
