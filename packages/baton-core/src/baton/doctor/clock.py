"""Whether this server's clock and a broker's agree.

AMQP does not tell the time. A broker may be set to stamp what is published; otherwise each answer
of its management plugin has a ``Date``.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from baton.broker_url import Endpoint
from baton.doctor.findings import Check, Finding
from baton.errors import ConfigurationError
from baton.threads import in_thread
from baton.transports.tls import client_context

if TYPE_CHECKING:
    from baton.configuration import Configuration

_PATIENCE: Final = 2.0
"""Seconds for a plugin that need not be there."""

_TOLERANCE: Final = 5.0
"""Seconds by which two clocks may differ."""

_PORTS: Final = {"http": 15672, "https": 15671}


def compare(theirs: float, ours: float, check: Check) -> Finding:
    """Whether two clocks agree, in seconds since the epoch."""
    ahead = ours - theirs
    if abs(ahead) <= _TOLERANCE:
        return check.ok(f"it agrees with the broker's within {max(1, round(abs(ahead)))} s")
    relation = "ahead of" if ahead > 0 else "behind"
    return check.warning(
        f"it is {abs(ahead):.0f} s {relation} the broker's: the times in outputs and logs will be "
        "off; commands expire all the same, since Baton compares no clocks",
        "set both clocks by the network: timedatectl set-ntp true",
    )


async def ask_management(
    configuration: Configuration, addresses: Sequence[str], check: Check
) -> Finding:
    """Compare with the ``Date`` of the first of *addresses*, which are URLs, that answers."""
    reasons = []
    for address in addresses:
        parts = urlsplit(address)
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        try:
            asked = partial(_date, configuration, parts)
            theirs, ours = await in_thread(asked, _PATIENCE)
        except TimeoutError:
            reasons.append(f"{shown}: no answer within {_PATIENCE:g} s")
        except (OSError, http.client.HTTPException, ConfigurationError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            reasons.append(f"{shown}: {reason.lower()}")
        else:
            return compare(theirs, ours, check)
    return check.skipped(f"the management plugin does not tell: {'; '.join(reasons)}")


def management_addresses(configuration: Configuration, hosts: Iterable[str]) -> list[str]:
    """Where the management plugin is by default on *hosts*."""
    schemes = ("https", "http") if configuration.tls else ("http",)
    return [f"{each}://{Endpoint(host, _PORTS[each])}" for host in hosts for each in schemes]


def _date(configuration: Configuration, address: SplitResult) -> tuple[float, float]:
    """The time there and here, in seconds since the epoch."""
    host, port = address.hostname or "", address.port
    connection: http.client.HTTPConnection
    if address.scheme == "https":
        context = client_context(configuration)
        connection = http.client.HTTPSConnection(host, port, timeout=_PATIENCE, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    with closing(connection):
        began = time.time()
        connection.request("GET", address.path or "/")
        date = connection.getresponse().getheader("Date")
        ours = (began + time.time()) / 2
    if date is None:
        raise ValueError("its answer has no Date")
    # It is cut to whole seconds.
    return parsedate_to_datetime(date).timestamp() + 0.5, ours
