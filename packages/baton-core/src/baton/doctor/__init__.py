"""The doctor: whether this server can do its work, and what to mend."""

from __future__ import annotations

from baton.doctor.examination import Request, examine
from baton.doctor.findings import Finding, Status

__all__ = ["Finding", "Request", "Status", "examine"]
