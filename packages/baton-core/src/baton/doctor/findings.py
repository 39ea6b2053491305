"""What a check found, and what to mend."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """It works; somebody should look at it."""

    FAILED = "failed"
    SKIPPED = "skipped"
    """It was not made: ``found`` says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the check *name* found: of an extension, of a host of the pool, or of neither.

    ``remedy`` says what to mend; it is empty where nothing is wrong.
    """

    name: str
    status: Status
    found: str
    remedy: str = ""
    extension: str | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A check that is being made; each method makes its finding.

    >>> Check("login", host="mq1.example.org:5672").skipped("no connection").status
    <Status.SKIPPED: 'skipped'>
    """

    name: str
    extension: str | None = None
    host: str | None = None

    def ok(self, found: str) -> Finding:
        """All is well."""
        return self._finding(Status.OK, found)

    def warning(self, found: str, remedy: str) -> Finding:
        """It works, but *remedy* should be done."""
        return self._finding(Status.WARNING, found, remedy)

    def failed(self, found: str, remedy: str) -> Finding:
        """It does not work before *remedy* was done."""
        return self._finding(Status.FAILED, found, remedy)

    def skipped(self, reason: str) -> Finding:
        """It was not made."""
        return self._finding(Status.SKIPPED, reason)

    def _finding(self, status: Status, found: str, remedy: str = "") -> Finding:
        return Finding(self.name, status, found, remedy, self.extension, self.host)
