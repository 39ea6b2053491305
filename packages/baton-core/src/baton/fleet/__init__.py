"""The fleet: commands to many servers, and what came of them.

A :class:`Collection` carries out a :class:`Request`, yields each :class:`Reply` as it arrives, and
gives a :class:`Result`. See docs/collecting-replies.md.
"""

from __future__ import annotations

from baton.fleet.answers import Answers
from baton.fleet.collection import Collection, Progress
from baton.fleet.collector import Collector
from baton.fleet.document import from_document, row, to_document
from baton.fleet.expected import expected_from, read_expected
from baton.fleet.reply import Reply
from baton.fleet.request import Amount, Batches, Expected, Options, Request
from baton.fleet.result import Duplicate, Failure, Latency, Result
from baton.fleet.runs import Run, Runs, join, load_run

__all__ = [
    "Amount",
    "Answers",
    "Batches",
    "Collection",
    "Collector",
    "Duplicate",
    "Expected",
    "Failure",
    "Latency",
    "Options",
    "Progress",
    "Reply",
    "Request",
    "Result",
    "Run",
    "Runs",
    "expected_from",
    "from_document",
    "join",
    "load_run",
    "read_expected",
    "row",
    "to_document",
]
