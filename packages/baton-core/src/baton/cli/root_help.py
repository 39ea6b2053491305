"""What ``baton --help`` prints, made without click. A test holds it to what click prints."""

from __future__ import annotations

import os
import sys
from typing import Final

from baton.cli.listing import ABOUT, OWN, added, summaries

_TOP: Final = """\
Usage: {program} [OPTIONS] COMMAND [ARGS]...

  {about}

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Commands:
"""
_NARROWEST, _WIDEST = 50, 78
"""Columns that click uses at least and at most; it leaves two of a terminal's."""
_USUAL: Final = 80
"""Columns of what is no terminal."""
_LONGEST_PROGRAM: Final = 14
"""Characters with which the usage is a line of the narrowest page."""
_LONGEST_NAME: Final = 30
"""Characters of a command, beside which click writes the beginning of its help."""

_ELLIPSIS: Final = "..."


def page() -> str | None:
    """The page, without the end of its last line; None where click has to make it: a command has to
    be imported, or something is too long for its line."""
    program = os.path.basename(sys.argv[0])  # noqa: PTH119
    entries = added()
    shown = OWN | summaries(entries)
    if shown.keys() != OWN.keys() | entries.keys() or len(program) > _LONGEST_PROGRAM:
        return None
    longest = max(map(len, shown))
    if longest > _LONGEST_NAME or not all(map(_is_plain, shown.values())):
        return None
    limit = min(max(_columns() - 2, _NARROWEST), _WIDEST) - longest - 6
    rows = [f"  {name:{longest}}  {_cut(shown[name], limit)}" for name in sorted(shown)]
    return _TOP.format(program=program, about=ABOUT) + "\n".join(rows)


def _columns() -> int:
    """As shutil has it, which imports compressors."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _USUAL
    except (AttributeError, ValueError, OSError):  # it is closed, or no terminal
        return _USUAL


def _is_plain(summary: str) -> bool:
    """Whether it is a sentence in a line, of which click would show all."""
    return bool(summary) and ". " not in summary and summary == " ".join(summary.split())


def _cut(summary: str, limit: int) -> str:
    """*summary*, or as many of its words as fit with an ellipsis behind them."""
    if len(summary) <= limit:
        return summary
    words = summary.split(" ")
    while words and len(" ".join(words)) > limit - len(_ELLIPSIS):
        words.pop()
    return " ".join(words) + _ELLIPSIS
