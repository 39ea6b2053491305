"""Durable commands: the queue that outlives a service, and where commands go that nobody did.

One queue for each server and durable consumer; for each extension an exchange that takes what is
dead-lettered, a queue of dead letters, and one of expired commands, which is there to be counted.

None of the queues depends on a setting that is changed often: an existing queue with other
arguments is refused by the broker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from baton.errors import ConfigurationError
from baton.exchanges import input_exchange
from baton.names import LONGEST, check_name
from baton.transports import Binding, Exchange, Queue, Topology

if TYPE_CHECKING:
    from baton.configuration import Configuration
    from baton.extension import Extension

LONGEST_QUEUE: Final = LONGEST - 10
"""Bytes: the tag of the queue's consumer is longer by a number."""
MOST_LETTERS: Final = 10_000
MOST_BYTES_OF_LETTERS: Final = 64 * 1024 * 1024
EXPIRED_FOR: Final = 86_400
"""Seconds for which an expired command is counted."""
NET: Final = 100
"""The broker's own limit of deliveries, far above every DELIVERY_LIMIT: the service reports a
command that it gives up, the broker does not."""
_CONSUMER_TIMEOUT: Final = 2 * 604_800
"""Seconds: the longest that a handler may take, and the longest that a command may wait."""
_REASON: Final = "x-first-death-reason"


def queue_name(extension: Extension, fqdn: str, consumer_name: str) -> str:
    """The durable queue of a consumer: ``<extension>.<fqdn>.<consumer_name>``.

    Raises ConfigurationError for a name that is too long, or a server without one.
    """
    if not fqdn:
        raise ConfigurationError("A durable consumer needs a server with a name: set FQDN")
    name = f"{extension.name}.{fqdn}.{consumer_name}"
    try:
        return check_name(name, LONGEST_QUEUE)
    except ValueError as error:
        raise ConfigurationError(f"The durable queue of a consumer, {error}") from None


def durable_queue(configuration: Configuration, extension: Extension, name: str) -> Queue:
    """The durable queue *name* of a consumer, as the settings have it.

    One process at a time is given its commands; another one of the same server stands by.
    """
    arguments: dict[str, Any] = {
        "x-queue-type": configuration.durable_queues,
        "x-single-active-consumer": True,
        "x-expires": int(configuration.durable_for * 1000),
        "x-dead-letter-exchange": dead_exchange(configuration, extension).name,
        "x-consumer-timeout": _CONSUMER_TIMEOUT * 1000,
    }
    if configuration.durable_queues == "quorum":
        arguments["x-delivery-limit"] = NET
        # A letter leaves when the other queue has it, which is possible with this overflow alone.
        arguments["x-dead-letter-strategy"] = "at-least-once"
        arguments["x-overflow"] = "reject-publish"
    return Queue(name, durable=True, exclusive=False, arguments=arguments)


def dead_exchange(configuration: Configuration, extension: Extension) -> Exchange:
    """Where dead-lettered commands go: ``<input exchange>_dead``.

    Raises ConfigurationError for a name that is too long.
    """
    name = f"{input_exchange(configuration, extension).name}_dead"
    try:
        return Exchange(check_name(name, LONGEST), kind="headers")
    except ValueError as error:
        raise ConfigurationError(f"EXCHANGE is too long for durable commands: {error}") from None


def dead_letters(extension: Extension) -> str:
    """The queue of what was rejected, or delivered too often: ``<extension>.dead-letters``."""
    return f"{extension.name}.dead-letters"


def expired(extension: Extension) -> str:
    """The queue of what expired within the last day: ``<extension>.expired``."""
    return f"{extension.name}.expired"


def dead_letter_topology(configuration: Configuration, extension: Extension) -> Topology:
    """The exchange and the two queues that dead-lettered commands of *extension* need."""
    exchange = dead_exchange(configuration, extension)
    letters = Queue(
        dead_letters(extension),
        durable=True,
        exclusive=False,
        arguments={
            "x-queue-type": configuration.durable_queues,
            "x-max-length": MOST_LETTERS,
            "x-max-length-bytes": MOST_BYTES_OF_LETTERS,
        }
        # Whoever looks at them gives them back.
        | ({"x-delivery-limit": -1} if configuration.durable_queues == "quorum" else {}),
    )
    counted = Queue(
        expired(extension),
        durable=True,
        exclusive=False,
        arguments={
            "x-queue-type": "classic",
            "x-max-length": MOST_LETTERS,
            "x-message-ttl": EXPIRED_FOR * 1000,
        },
    )
    bindings = [
        Binding(queue.name, exchange.name, "", {"x-match": "all-with-x", _REASON: reason})
        for queue, reason in (
            (letters, "rejected"),
            (letters, "delivery_limit"),
            (counted, "expired"),
        )
    ]
    return Topology([exchange], [letters, counted], bindings)
