"""What pika's exceptions and the broker's words mean in Baton's.

The texts are RabbitMQ's, from ``rabbit_channel`` and ``rabbit_reader``; tests/integration holds
them against a real broker.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from pika.exceptions import (
    AuthenticationError,
    ConnectionClosedByBroker,
    ConnectionOpenAborted,
    IncompatibleProtocolError,
)

from baton.errors import (
    BrokerError,
    BrokerUnavailable,
    MessageTooLarge,
    NotPermitted,
    Unroutable,
)
from baton.transports.base import Publication
from baton.transports.pending import Pending
from baton.transports.refusals import (
    login_refused,
    mechanism_missing,
    tls_failure,
    vhost_refused,
)

if TYPE_CHECKING:
    from baton.broker_url import Endpoint
    from baton.configuration import Configuration

NOT_FOUND: Final = 404
ACCESS_REFUSED: Final = 403
NOT_ALLOWED: Final = 530
_LOSSES: Final = frozenset({320, 541})
"""CONNECTION_FORCED and INTERNAL_ERROR: it is the broker that fails, not what it was sent."""

_CLOSED = re.compile(r"ConnectionClosedByBroker: \((\d+)\) (['\"])(.*)\2")
_EXCHANGE = re.compile(r"exchange '(.+)' in vhost '")
_USER_ID = re.compile(r"user_id property set to '(.*)' but authenticated user was '(.*)'")
_SIZE = re.compile(r"message size (\d+) .*max size (\d+)")


def broker_said(error: BaseException) -> tuple[int, str] | None:
    """The code and the text with which the broker closed the connection, if it did.

    During the handshake pika wraps it in an exception that holds only its text.
    """
    if isinstance(error, ConnectionClosedByBroker):
        return error.reply_code, error.reply_text
    match = _CLOSED.search(str(error))
    return (int(match[1]), match[3]) if match else None


def is_loss(error: BaseException) -> bool:
    """Whether a connection ended without anything on it being to blame."""
    said = broker_said(error)
    return said is None or said[0] in _LOSSES


def is_authentication(error: BaseException) -> bool:
    """Whether the broker refused the user, the password or the virtual host.

    pika guesses so for every connection lost during the handshake, which is also what a broker
    that shuts down looks like: only the broker's word counts.
    """
    said = broker_said(error)
    if said is None:
        return False
    code, text = said
    return code == ACCESS_REFUSED or (code == NOT_ALLOWED and "limit" not in text)


def unreachable(
    error: BaseException, endpoint: Endpoint, configuration: Configuration
) -> BrokerUnavailable:
    """Why a connection to *endpoint* could not be made. AuthenticationFailed names *endpoint*; any
    other text, CertificateRefused's too, is to stand in parentheses behind it."""
    if isinstance(error, AuthenticationError):
        return mechanism_missing(endpoint, configuration)
    if is_authentication(error):
        said = broker_said(error)
        by_name = said is not None and said[0] == ACCESS_REFUSED
        return (login_refused if by_name else vhost_refused)(endpoint, configuration)
    return loss(error, endpoint, configuration)


def loss(
    error: BaseException, endpoint: Endpoint, configuration: Configuration
) -> BrokerUnavailable:
    """Why a connection was lost, in a text to stand in parentheses behind *endpoint*."""
    failure = tls_failure(list(_causes(error)), endpoint, configuration)
    return failure or BrokerUnavailable(reason(error))


def reason(error: BaseException) -> str:
    """Why a connection could not be made or was lost, in a few words, if not for TLS."""
    said = broker_said(error)
    if said is not None:
        return said[1]
    causes = list(_causes(error))
    for cause in causes:
        match cause:
            case socket.gaierror():
                return "unknown host"
            case TimeoutError() | ConnectionOpenAborted():
                return "no answer"
            case OSError():
                return (cause.strerror or str(cause)).lower()
    if isinstance(error, IncompatibleProtocolError):
        return "the connection was closed during the handshake"
    return " ".join(str(causes[-1]).split()) or type(causes[-1]).__name__


def _causes(error: object) -> Iterator[BaseException]:
    """*error* and what it wraps: pika keeps the cause in ``exceptions``, ``exception`` or args."""
    while isinstance(error, BaseException):
        yield error
        wrapped = getattr(error, "exceptions", None) or (getattr(error, "exception", None),)
        error = wrapped[-1] or (error.args[0] if error.args else None)


def sort_out(in_flight: Sequence[Pending], code: int, text: str) -> list[Pending]:
    """Give those that the broker closed a channel for their outcome; return the others.

    *in_flight* is all that was in flight, in order. The broker takes publications in order, and
    passes over what follows the one that it refuses. So what stands before the first culprit may
    have been taken, its confirm lost with the channel; what stands behind was not.

    When the text names no culprit and there are several candidates, all become suspects, which
    are sent again one at a time: the next time there is one candidate. So every channel that is
    closed settles a publication or narrows the search, and none is re-sent for ever.
    """
    is_culprit = _culprit_test(text)
    verdicts = [len(in_flight) == 1 or is_culprit(item.publication) for item in in_flight]
    first = verdicts.index(True) if True in verdicts else len(in_flight)
    for at, (item, guilty) in enumerate(zip(in_flight, verdicts, strict=True)):
        if guilty and item.suspect:
            # Refused twice, alone the second time: the first time it was refused as well.
            item.settle(refusal(item.publication, code, text))
        elif guilty:
            item.refuse(refusal(item.publication, code, text))
        elif at < first:
            item.doubtful = True
        item.suspect = first == len(in_flight)
    return [item for item in in_flight if not item.settled]


def refusal(publication: Publication, code: int, text: str) -> Exception:
    """The error for *publication*, which the broker closed the channel for."""
    if code == NOT_FOUND:
        return Unroutable([publication.routing_key], publication.exchange, missing=True)
    if match := _USER_ID.search(text):
        return NotPermitted(
            f'The broker takes no message in the name of "{match[1]}" from user "{match[2]}": '
            "RABBIT_USER_ID: false sends messages without a name"
        )
    if match := _SIZE.search(text):
        return MessageTooLarge(int(match[1]), int(match[2]))
    if code == ACCESS_REFUSED:
        return NotPermitted(f"The broker does not permit it: {text}")
    return BrokerError(f"The broker refused the message: {text}")


def _culprit_test(text: str) -> Callable[[Publication], bool]:
    if match := _EXCHANGE.search(text):
        exchange = match[1]
        return lambda publication: publication.exchange == exchange
    if match := _USER_ID.search(text):
        user_id = match[1]
        return lambda publication: publication.envelope.user_id == user_id
    if match := _SIZE.search(text):
        size = int(match[1])
        return lambda publication: len(publication.body) == size
    return lambda publication: False
