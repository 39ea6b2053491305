"""Every error that Baton raises, in one tree.

::

    BatonError
    ├── ConfigurationError           a file, a variable, an option or an extension name is wrong
    ├── MessageError
    │   ├── InvalidMessage           not a JSON object with a type
    │   ├── InvalidFilter            a condition that cannot be understood
    │   ├── UnknownMessageType       a consumer was sent a type it does not know
    │   └── MessageTooLarge          longer than the broker takes
    ├── HandlerTimeout               process_message ran longer than HANDLER_TIMEOUT
    ├── Reject                       raised by a consumer: nobody can do this command
    ├── DeliveryLimitReached         a durable command was begun too often, and never done
    ├── Stopping                     the service ended before a command's splay was over
    ├── TooManyHeld                  more commands wait for their splay than may
    ├── InstanceTaken                another process is this monitor instance
    ├── LettersTaken                 somebody else is looking at these dead letters
    ├── UnknownLetter                no dead letter is called so, or several are
    ├── AlreadyRunning               another process holds the PID file
    ├── OutboxFull                   more outputs wait for the broker than may
    ├── MonitorUnavailable           a monitor's JSON API does not answer as it should
    ├── PublishError                 a command was not, or perhaps not, published
    │   ├── Unroutable               no queue takes that key
    │   ├── PublishTimeout           the outcome is unknown
    │   └── PublishFailed            some of many were not published
    └── BrokerError
        ├── BrokerUnavailable        no broker could be reached, or the connection was lost
        │   └── AuthenticationFailed user, password or certificate was refused
        │       └── CertificateRefused  its certificate by us, or ours by the broker
        └── TopologyError            the broker refused something that was declared or used
            ├── NotFound             an exchange or a queue does not exist
            ├── NotPermitted         the user lacks a permission
            ├── FlagMismatch         an exchange or queue exists with other flags
            └── Locked               a queue is held by another connection
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.text import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class BatonError(Exception):
    """The root: catch this to catch whatever Baton raises on purpose."""


class ConfigurationError(BatonError):
    """What a person configured is wrong; the text says what, where and what is allowed."""


class MessageError(BatonError):
    """A message is not what it should be."""


class InvalidMessage(MessageError):
    """The body is not a JSON object with a string ``type`` in strict UTF-8."""


class InvalidFilter(MessageError):
    """A filter has a condition that cannot be understood; the text says which, and what may be."""


class UnknownMessageType(MessageError):
    """Raised by a consumer for a type that it does not know.

    ``type`` is the type as it came.
    """

    def __init__(self, type: object) -> None:
        super().__init__(f"Unknown message type: {shorten(str(type))}")
        self.type = type


class MessageTooLarge(MessageError):
    """A body is longer than the broker takes; ``size`` and ``limit`` are in bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"A message of {size:,} bytes is above the limit of {limit:,} bytes")
        self.size = size
        self.limit = limit


class HandlerTimeout(BatonError):
    """``process_message`` ran longer than ``HANDLER_TIMEOUT`` and was cancelled."""


class Reject(BatonError):
    """Raised by a consumer for a command that is not to be tried again.

    It becomes an error output, as whatever is raised. A durable consumer's command ends among the
    dead letters, too, where somebody can look at it.
    """


class DeliveryLimitReached(BatonError):
    """A durable command was delivered ``DELIVERY_LIMIT`` times, and never done: it is given up."""


class Stopping(BatonError):
    """The service was stopped while a command waited for its splay: it was not started."""


class TooManyHeld(BatonError):
    """A command was not taken: too many wait for their splay already."""


class InstanceTaken(BatonError):
    """Another process is this monitor instance already."""


class LettersTaken(BatonError):
    """Somebody else is looking at these dead letters already."""


class UnknownLetter(BatonError):
    """No dead letter is called so, or several are."""


class AlreadyRunning(BatonError):
    """Another process holds the PID file; ``pid`` is its number, None if it wrote none."""

    def __init__(self, pid: int | None, path: Path) -> None:
        super().__init__(f"It runs already, as process {pid or '?'} (PID_FILE {path})")
        self.pid = pid


class OutboxFull(BatonError):
    """More outputs wait to be confirmed by the broker than the outbox holds."""


class MonitorUnavailable(BatonError):
    """The JSON API of a monitor could not be reached, or does not answer as one does."""


class PublishError(BatonError):
    """A command was not published, or nobody knows whether it was."""


class Unroutable(PublishError):
    """No queue takes these routing keys: the message went nowhere.

    ``keys`` are the targets that nobody listens on, ``exchange`` is where they were published;
    ``missing`` says that this exchange does not exist.
    """

    def __init__(self, keys: Sequence[str], exchange: str, *, missing: bool = False) -> None:
        targets = ", ".join(f'"{key}"' for key in keys)
        reason = f"No server listens on {targets} (exchange {exchange})"
        if missing:
            reason += ": no service has connected yet, the exchange does not exist"
        super().__init__(reason)
        self.keys = tuple(keys)
        self.exchange = exchange
        self.missing = missing


class PublishTimeout(PublishError):
    """The broker did not confirm in time: the outcome is unknown, the command may still arrive.

    It is not done later than its expiry allows.
    """


class PublishFailed(PublishError):
    """Some of many commands were not published.

    ``ids`` are the message ids of those that were; ``errors`` maps the position of each other
    one in what was given to the error that it met.
    """

    def __init__(self, ids: Sequence[str], errors: Mapping[int, Exception]) -> None:
        first = next(iter(errors.values()))
        super().__init__(
            f"{len(errors)} of {len(ids) + len(errors)} were not published, the first: {first}"
        )
        self.ids = tuple(ids)
        self.errors = dict(errors)


class BrokerError(BatonError):
    """Something between us and the broker went wrong."""


class BrokerUnavailable(BrokerError):
    """No broker could be reached within the deadline, or the connection was lost."""


class AuthenticationFailed(BrokerUnavailable):
    """The broker refused the user, the password, the certificate or the virtual host."""


class CertificateRefused(AuthenticationFailed):
    """The broker's certificate is not to be trusted, or the broker refused ours.

    It may be this host's certificate alone: another host of the pool may do.
    """


class TopologyError(BrokerError):
    """The broker refused an exchange, a queue, a binding, or the use of one."""


class NotFound(TopologyError):
    """An exchange or a queue does not exist."""


class NotPermitted(TopologyError):
    """The user may not configure, write or read this exchange or queue."""


class FlagMismatch(TopologyError):
    """An exchange or a queue exists with another type, durability or argument."""


class Locked(TopologyError):
    """A queue is exclusive to another connection."""
