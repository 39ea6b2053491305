"""Times and numbers as people read them. ``static/times.js`` says ages in the same words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from baton.text import excerpt

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_LATEST: Final = 253_402_300_799.0
"""The last second of the year 9999: no calendar goes further."""


def duration(seconds: float) -> str:
    """A length of time in its biggest unit.

    >>> duration(3), duration(59.9), duration(150), duration(9000), duration(200_000)
    ('3 s', '59 s', '2 min', '2 h', '2 d')
    """
    for size, name in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {name}"
    return "0 s"


def ago(at: float, now: float) -> str:
    """How long *at* was ago, or how far ahead it is.

    >>> ago(100, 100.4), ago(100, 103), ago(7300, 100)
    ('now', '3 s ago', 'in 2 h')
    """
    if abs(now - at) < 1:
        return "now"
    return f"{duration(now - at)} ago" if now > at else f"in {duration(at - now)}"


def latency(seconds: float | None) -> str:
    """A latency, to two or three digits.

    >>> [latency(each) for each in (None, 0.00042, 0.0032, 0.12, 1.234)]
    ['–', '0.42 ms', '3.2 ms', '120 ms', '1.23 s']
    """
    if seconds is None:
        return "–"
    if seconds >= 1:
        return f"{seconds:.2f} s"
    milliseconds = seconds * 1000
    digits = 2 if milliseconds < 1 else 1 if milliseconds < 10 else 0
    return f"{milliseconds:.{digits}f} ms"


def factor(value: float) -> str:
    """How many times as long, or as short.

    >>> factor(2.5), factor(0.1), factor(120)
    ('2.5×', '10×', '120×')
    """
    times = value if value >= 1 or value <= 0 else 1 / value
    return f"{times:.1f}×" if times < 9.95 else f"{times:.0f}×"


def moment(at: float) -> str:
    """A time in full, in UTC.

    >>> moment(1_750_000_000)
    '2025-06-15 15:06:40 UTC'
    """
    return f"{_datetime(at):%Y-%m-%d %H:%M:%S} UTC"


def iso(at: float) -> str:
    """A time as HTML's ``datetime`` has it.

    >>> iso(1_750_000_000.5)
    '2025-06-15T15:06:40Z'
    """
    return f"{_datetime(at):%Y-%m-%dT%H:%M:%SZ}"


def number(value: int) -> str:
    """A number with its thousands apart by a thin space.

    >>> number(1234567) == "1\\u202f234\\u202f567"
    True
    """
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def plural(count: int, one: str, many: str = "") -> str:
    """A number and its noun.

    >>> plural(1, "server"), plural(2, "server")
    ('1 server', '2 servers')
    """
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def quoted(text: str) -> str:
    """What somebody gave, as an error repeats it.

    >>> quoted("a\\nb")
    '"a�b"'
    """
    return f'"{excerpt(text, 60)}"'


def _datetime(at: float) -> datetime:
    return datetime.fromtimestamp(max(0.0, min(at, _LATEST)), UTC)
