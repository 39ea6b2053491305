"""Errors of the dashboard, below those of Baton."""

from __future__ import annotations

from baton.errors import BatonError


class TooManyRuns(BatonError):
    """As many runs as may be are under way already."""
