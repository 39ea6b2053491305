"""The monitor: what reads the pongs."""

from __future__ import annotations

from baton.monitor import Monitor


class PingMonitor(Monitor):
    """Logs every pong and every error."""

    extension = "baton-ping"
