"""Names of which routing keys and queues are made: how long each may be, and of what.

A broker takes keys and names of 255 bytes. Each part is given its share, so that no part has to
know the others: ``<app>.<environment>`` fits, ``<extension>.<fqdn>.<16 digits>`` does, too, and
so does the tag of that queue's consumer.
"""

from __future__ import annotations

import re
from typing import Final

from baton.text import excerpt

LONGEST: Final = 255
"""Of what is a whole key or name. Like those below, in bytes of UTF-8."""

LONGEST_ENVIRONMENT: Final = 127
LONGEST_APP: Final = 127
LONGEST_FQDN: Final = 160
LONGEST_INSTANCE: Final = 160
LONGEST_EXTENSION: Final = 64

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SHOWN: Final = 40
"""Characters of a wrong name that are repeated."""


def check_name(name: str, longest: int) -> str:
    """*name*. Raises ValueError, which quotes it and says what is allowed, unless it has 1 to
    *longest* bytes of UTF-8, and no control characters.

    >>> check_name("web01.example.org", LONGEST_FQDN)
    'web01.example.org'
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = 0  # a byte of the command line or of a file that is not UTF-8
    if not 1 <= size <= longest or _CONTROL.search(name):
        raise ValueError(
            f'"{excerpt(name, _SHOWN)}" should be 1 to {longest} bytes of UTF-8 '
            "without control characters"
        )
    return name
