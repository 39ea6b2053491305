"""The fleet: commands to many servers, and what came of them."""

from __future__ import annotations

from baton.fleet.collector import Collector, Reply

__all__ = ["Collector", "Reply"]
