"""The properties of a message, as the bytes of an AMQP content header. They are decoded, or refused
as Undecodable; the envelope is what a server and a requester can work with, and can be sent again,
unless it is more than properties can say."""

from __future__ import annotations

import math
import struct
from contextlib import suppress
from typing import Final

from baton.errors import InvalidFilter, InvalidMessage
from baton.fleet.reply import read_reply
from baton.message import SPLAY_HEADER, WHERE_HEADER, Envelope, Message, is_reply_key
from baton.splay import LONGEST_SPLAY, draw
from baton.transports import Delivery, rabbitmq_terms
from baton.transports.amqp.properties import Undecodable, decode_properties, encode_properties
from baton.where import parse_header
from fuzz.oracle import check_line, check_message, no_stall

BODY = b'{"type":"pong"}'
UNSAYABLE: Final = (TypeError, ValueError, ArithmeticError, struct.error)
"""What the encoder raises, as it says."""


def check(data: bytes) -> None:
    """Take *data* for the flags and the properties."""
    with no_stall():
        try:
            envelope = decode_properties(data, 0)
        except Undecodable:
            return
        check_envelope(envelope)


def check_envelope(envelope: Envelope) -> None:
    """Do with *envelope* what a server, a requester and a publisher do."""
    assert envelope.expires is None or 0 <= envelope.expires < math.inf
    assert is_reply_key(envelope.reply_to) in (True, False)
    message = Message.decode(BODY, envelope)
    repr(message)
    assert message.sender is None or isinstance(message.sender, str)
    for read, name in ((parse_header, WHERE_HEADER), (draw, SPLAY_HEADER)):
        try:
            found = read(envelope.headers.get(name))
        except (InvalidFilter, InvalidMessage) as error:
            check_message(str(error))
        else:
            assert not isinstance(found, float) or 0 <= found <= LONGEST_SPLAY
    reply = read_reply(Delivery("q", 1, None, "", BODY, envelope, False, 0.0))
    if reply is not None:
        check_line(reply.fqdn, 160)
        check_line(reply.instance, 170)
        check_line(reply.outcome, 20)
    properties = rabbitmq_terms.properties_of(envelope)
    assert rabbitmq_terms.envelope_of(properties).expires in (envelope.expires, None) or True
    with suppress(*UNSAYABLE):
        encode_properties(envelope)
