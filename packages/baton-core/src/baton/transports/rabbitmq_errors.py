"""What aiormq's exceptions and the broker's words mean in Baton's."""

from __future__ import annotations

import asyncio
import errno
import os
import re
from typing import TYPE_CHECKING, Final

from aiormq import exceptions as amqp

from baton.errors import (
    BatonError,
    BrokerUnavailable,
    FlagMismatch,
    Locked,
    MessageTooLarge,
    NotFound,
    NotPermitted,
    TopologyError,
)
from baton.transports.amqp.tap import Damaged
from baton.transports.refusals import login_refused, mechanism_missing, tls_failure, vhost_refused

if TYPE_CHECKING:
    from baton.broker_url import Endpoint
    from baton.configuration import Configuration

_INEQUIVALENT = re.compile(
    r"inequivalent arg '(?P<flag>[^']+)' for (?P<kind>exchange|queue) '(?P<name>[^']*)'"
    r".*received (?P<ours>.+) but current is (?P<theirs>.+)$"
)
_SETTINGS: Final = {
    "x-queue-type": "CLUSTER (a monitor's) or DURABLE_QUEUES (a service's)",
    "x-expires": "DURABLE_FOR",
}
"""What decides an argument of a queue that outlives a process."""
_LOCKED = re.compile(r"locked queue '([^']*)'")
_CLOSED = re.compile(r"<(?P<what>Connection|Channel)\b.*> closed$", re.DOTALL)
"""What aiormq says of its own objects, each time with another address in memory."""
_TOO_LARGE = re.compile(r"message size (\d+) is larger than configured max size (\d+)")


def refusal(error: BaseException | None) -> BatonError | None:
    """What the broker refused on a channel, in our words; None if it was something else."""
    text = _reason(error)
    if isinstance(error, amqp.ChannelNotFoundEntity):
        return NotFound(text)
    if isinstance(error, amqp.ChannelAccessRefused):
        return NotPermitted(text)
    if isinstance(error, amqp.ChannelLockedResource):
        queue = _LOCKED.search(text)
        return Locked(f'The queue "{queue[1]}" is held by another connection' if queue else text)
    if isinstance(error, amqp.ChannelPreconditionFailed):
        if too_large := _TOO_LARGE.search(text):
            return MessageTooLarge(int(too_large[1]), int(too_large[2]))
        return _flag_mismatch(text) or TopologyError(text)
    return None


def loss(
    error: BaseException | None, endpoint: Endpoint, configuration: Configuration
) -> BrokerUnavailable:
    """Why the connection to *endpoint* was lost or could not be made."""
    match error:
        case amqp.ProbableAuthenticationError():
            return login_refused(endpoint, configuration)
        case amqp.AuthenticationError():
            return mechanism_missing(endpoint, configuration)
        case amqp.InvalidFrameError() if "OpenOk" in str(error):
            # aiormq wants OpenOk and drops the Close frame that says why it does not come.
            return vhost_refused(endpoint, configuration)
    causes = [each for each in (error, getattr(error, "__cause__", None)) if each is not None]
    failure = tls_failure(causes, endpoint, configuration) or BrokerUnavailable(_reason(error))
    return type(failure)(f"{endpoint} ({failure})")


def _flag_mismatch(text: str) -> TopologyError | None:
    """What *text*, the broker's answer 406, says of an exchange's or a queue's flags, and what to
    set; None if it says something else."""
    found = _INEQUIVALENT.search(text)
    if found is None:
        return None
    flag, kind, name = found["flag"], found["kind"], found["name"]
    ours, theirs = found["ours"].strip("'"), found["theirs"].strip("'")
    if kind == "exchange" and flag == "durable":
        remedy = f"set INTEROP: {str(theirs == 'false').lower()}, or delete the exchange"
    elif kind == "queue" and flag in _SETTINGS and theirs != "none":
        remedy = f"set {_SETTINGS[flag]} to what it was, or delete the queue when it is empty"
    else:
        setting = "EXCHANGE or EXCHANGE_OUT" if kind == "exchange" else "--instance"
        remedy = f"delete the {kind}, or choose another name with {setting}"
    return FlagMismatch(
        f'The {kind} "{name}" exists with {flag}={theirs}, Baton needs {flag}={ours}: {remedy}'
    )


def _reason(error: BaseException | None) -> str:
    """The words of *error*, without the exception's own frame around them."""
    if error is None:
        return "the connection was lost"
    cause = error.__cause__ if error.__cause__ is not None else error
    if isinstance(cause, asyncio.IncompleteReadError):
        return "the broker closed the connection"
    if isinstance(cause, Damaged):
        return str(cause)
    if cause.args and cause.args[0] in errno.errorcode:
        return os.strerror(cause.args[0]).lower()
    words = [part for part in error.args if isinstance(part, str) and part]
    if words:
        if closed := _CLOSED.match(words[-1]):
            return f"the {closed['what'].lower()} was closed"
        return " ".join(words[-1].split())
    return type(error).__name__ if cause is error else _reason(cause)
