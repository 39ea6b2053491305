"""An output of a server, made fit to be kept and shown.

Whatever arrives becomes one: what comes from the network is hostile, and from here on it is cut,
printable, and of the right types. Times are in seconds since the epoch, by this process's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MALFORMED: Final = "malformed"
"""The kind of what no server can have meant; its ``fqdn`` is empty."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One output, when it arrived and what it says.

    ``kind`` is the body's ``type``, or :data:`MALFORMED`. ``summary`` is a line for people,
    ``body`` the JSON text as it is kept, at most 64 KiB. ``latency`` is in seconds from the ping
    to this answer, None if that is not known. ``facts`` are those that a ``facts`` output tells.
    """

    received: float
    extension: str
    kind: str
    fqdn: str = ""
    environment: str = ""
    app_names: tuple[str, ...] = ()
    summary: str = ""
    body: str = ""
    message_id: str | None = None
    correlation_id: str | None = None
    instance: str = ""
    error: str = ""
    latency: float | None = None
    facts: Mapping[str, Any] | None = field(default=None, hash=False)
