"""Telling systemd how a service is, by the datagrams of ``sd_notify``."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from typing import Final

logger = logging.getLogger(__name__)

_PATIENCE: Final = 0.5
"""Seconds that systemd may take to make room for a datagram."""


class Systemd:
    """The systemd that started this process, as *environment* tells; otherwise nobody, and
    nothing is said."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self.watchdog = _watchdog(environment) if self._address else None
        """Seconds in which systemd wants a sign of life; None if it wants none."""

    @property
    def listens(self) -> bool:
        """Whether systemd wants to be told."""
        return self._address is not None

    def tell(self, **values: object) -> None:
        """Send *values*, ``READY=1`` for ``READY=1``; never raises."""
        if self._address is None:
            return
        lines = (f"{name}={' '.join(str(value).split())}" for name, value in values.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(_PATIENCE)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            logger.warning("systemd cannot be told %s: %s", ", ".join(values), error)


def _address(name: str) -> str | None:
    if name.startswith("@"):  # in the abstract namespace
        return f"\0{name[1:]}"
    return name if name.startswith("/") else None


def _watchdog(environment: Mapping[str, str]) -> float | None:
    owner = environment.get("WATCHDOG_PID") or str(os.getpid())
    microseconds = environment.get("WATCHDOG_USEC", "")
    if owner != str(os.getpid()) or not microseconds.isdecimal() or not int(microseconds):
        return None
    return int(microseconds) / 1e6
