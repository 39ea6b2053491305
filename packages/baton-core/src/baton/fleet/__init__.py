"""The fleet: commands to many servers, and what came of them."""

from __future__ import annotations

from baton.fleet.collector import Collector
from baton.fleet.document import from_document, row, to_document
from baton.fleet.reply import Reply
from baton.fleet.request import Amount, Batches, Expected, Request
from baton.fleet.result import Duplicate, Failure, Latency, Result

__all__ = [
    "Amount",
    "Batches",
    "Collector",
    "Duplicate",
    "Expected",
    "Failure",
    "Latency",
    "Reply",
    "Request",
    "Result",
    "from_document",
    "row",
    "to_document",
]
