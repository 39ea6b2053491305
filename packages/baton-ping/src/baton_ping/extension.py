"""What baton-ping is: the description that Baton finds it by."""

from __future__ import annotations

from baton.extension import Extension

extension = Extension(
    name="baton-ping",
    summary="Asks servers whether they are there.",
    service="baton_ping.service:PingService",
    api="baton_ping.api:PingAPI",
    monitor="baton_ping.monitor:PingMonitor",
    commands={"ping": "Ping servers and print who answers, who does not, and how fast."},
)
