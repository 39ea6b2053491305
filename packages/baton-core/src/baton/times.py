"""Times as they are written: ISO 8601, in UTC, with milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from baton.text import excerpt


def to_iso(seconds: float) -> str:
    """*seconds* since the epoch as ISO 8601, in UTC.

    >>> to_iso(1750000000.5)
    '2025-06-15T15:06:40.500Z'
    """
    return _to_the_millisecond(round(seconds * 1_000_000) // 1000)


@lru_cache(maxsize=4)
def _to_the_millisecond(milliseconds: int) -> str:
    """Kept: times that are written follow each other, many in one millisecond under load."""
    second, rest = divmod(milliseconds, 1000)
    return f"{_to_the_second(second)}.{rest:03d}Z"


@lru_cache(maxsize=4)
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").removesuffix("+00:00")


def from_iso(text: str) -> float:
    """Seconds since the epoch. Raises ValueError for what is no time of ISO 8601 with a zone."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
        seconds = moment.astimezone(UTC).timestamp()
        datetime.fromtimestamp(seconds, UTC)  # rounded, the end of 9999 is none to be written
    except (ValueError, OverflowError):
        shown = excerpt(text, 40)
        raise ValueError(f'"{shown}" is no time like 2025-06-15T15:06:40.500Z') from None
    return seconds
