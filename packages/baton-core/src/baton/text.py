"""Text of others, made fit to be shown: neither long nor able to act on a terminal."""

from __future__ import annotations

from typing import Final

ECHO_LIMIT: Final = 200
"""Characters of somebody's input that an error repeats at most."""


def shorten(text: str, limit: int = ECHO_LIMIT) -> str:
    """*text*, cut to *limit* characters with an ellipsis as the last one."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def printable(text: str) -> str:
    """*text* without what could act on a terminal, or turn its direction: it came from a network.

    >>> printable("web01\\x1b[2J")
    'web01�[2J'
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def excerpt(text: str, limit: int = ECHO_LIMIT) -> str:
    """The beginning of *text*, fit to be shown: :func:`printable`, and cut to *limit* characters.

    >>> excerpt("web01\\x1b[2J and much more", 10)
    'web01�[2J…'
    """
    if len(text) <= limit and text.isprintable():
        return text
    return printable(shorten(text, limit))


def words_of(error: BaseException) -> str:
    """The text of *error*; another one if it is an exception whose own text cannot be had.

    >>> words_of(ValueError("wrong"))
    'wrong'
    """
    try:
        return str(error)
    except BaseException as trouble:  # noqa: BLE001  (somebody's class)
        return f"(its text cannot be shown: {type(trouble).__name__})"
