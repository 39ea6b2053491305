"""Wildcards: text compared with a pattern that somebody else wrote.

Each character of the text is looked at once: all ways to read the pattern are followed together,
each a bit of one number, so no pattern makes it slow.
"""

from __future__ import annotations

from typing import Final

LONGEST: Final = 1024
"""Characters of a text that are looked at: a longer one matches no pattern."""


class Wildcard:
    """A pattern in which ``*`` is any text, also none, and ``?`` is any one character.

    >>> Wildcard("web*.example.org").matches("web01.example.org")
    True
    """

    __slots__ = ("_accepted", "_end", "_loops")

    def __init__(self, pattern: str) -> None:
        anything = loops = 0
        accepted: dict[str, int] = {}
        bit = 1
        for character in pattern:
            if character == "*":
                loops |= bit
                continue
            if character == "?":
                anything |= bit
            else:
                accepted[character] = accepted.get(character, 0) | bit
            bit <<= 1
        self._accepted = {each: bits | anything for each, bits in accepted.items()}
        self._accepted[""] = anything
        self._loops = loops
        self._end = bit

    def matches(self, text: str) -> bool:
        """Whether the whole *text* is what the pattern says."""
        if len(text) > LONGEST:
            return False
        accepted, loops, others = self._accepted, self._loops, self._accepted[""]
        reached = 1
        for character in text:
            reached = (reached & accepted.get(character, others)) << 1 | reached & loops
            if not reached:
                return False
        return bool(reached & self._end)
