"""What fails a test."""

from __future__ import annotations


class HarnessError(AssertionError):
    """A service was not ready, did not answer, or left something behind: the text says which."""
