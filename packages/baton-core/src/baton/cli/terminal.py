"""Lines for people: what they are made of, and how they fit a terminal."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from typing import TextIO

_COLOURS: Final[dict[str, dict[str, Any]]] = {
    "good": {"fg": "green"},
    "bad": {"fg": "red"},
    "warning": {"fg": "yellow"},
    "quiet": {"fg": "bright_black"},
    "strong": {"bold": True},
}
_WIDE: Final = ("W", "F")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line; *look* is ``good``, ``bad``, ``warning``, ``quiet``, ``strong``, or
    empty for text as it is."""

    text: str
    look: str = ""


Line = tuple[Span, ...]
"""A line of text, without its end."""


def plain(text: str, look: str = "") -> Line:
    """A line of one piece."""
    return (Span(text, look),)


def cells(text: str) -> int:
    """How many columns of a terminal *text* takes.

    >>> cells("web01"), cells("東京")
    (5, 4)
    """
    return len(text) if text.isascii() else sum(map(_cells, text))


def fit(line: Line, width: int) -> Line:
    """*line*, cut with an ellipsis where it is wider than *width* columns."""
    if sum(cells(span.text) for span in line) <= width:
        return line
    spans: list[Span] = []
    room = max(0, width - 1)
    for span in line:
        kept = "".join(_begin(span.text, room))
        room -= cells(kept)
        if len(kept) < len(span.text):
            spans.append(Span(f"{kept}…" if width > 0 else "", span.look))
            break
        spans.append(span)
    return tuple(spans)


def pad(text: str, width: int) -> str:
    """*text* with spaces after it, so that it takes *width* columns at least."""
    return text + " " * (width - cells(text))


def wrap(title: str, items: Iterable[str], width: int | None, indent: int) -> Iterator[str]:
    """*items* behind *title*, with commas between them, in lines of *width* columns; those after
    the first begin with *indent* spaces. It is one line where *width* is None. No item is broken.
    """
    line = title
    is_empty = True
    items = list(items)
    for number, item in enumerate(items, start=1):
        text = item if number == len(items) else f"{item},"
        if not is_empty and width is not None and cells(line) + 1 + cells(text) > width:
            yield line
            line, is_empty = " " * indent, True
        line = f"{line}{text}" if is_empty else f"{line} {text}"
        is_empty = False
    yield line


class Terminal:
    """Standard output, or standard error: a terminal, or a file or a pipe.

    A standard output that was closed takes what is written, and it is gone.
    """

    def __init__(self, *, err: bool = False) -> None:
        # None where somebody closed it.
        self._stream: TextIO | None = sys.stderr if err else sys.stdout
        self._err = err
        self._is_dumb = os.environ.get("TERM") == "dumb"
        self.is_terminal = self._stream is not None and self._stream.isatty()

    @property
    def width(self) -> int | None:
        """Columns, as they are now; None where it is no terminal and a line may be as long as it
        is."""
        return shutil.get_terminal_size().columns if self.is_terminal else None

    @property
    def height(self) -> int:
        """Lines, as they are now."""
        return shutil.get_terminal_size().lines

    @property
    def is_pipe(self) -> bool:
        """Whether another program reads it, which may write to the same terminal as we do."""
        try:
            return self._stream is not None and stat.S_ISFIFO(
                os.fstat(self._stream.fileno()).st_mode
            )
        except (OSError, ValueError):  # it has no descriptor, or not any more
            return False

    @property
    def can_repaint(self) -> bool:
        """Whether a line that was written can be written over."""
        return self.is_terminal and not self._is_dumb

    def can_show(self, text: str) -> bool:
        """Whether its encoding has the characters of *text*."""
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            return False
        return True

    def say(self, line: Line, *, cut: bool = False) -> None:
        """Write *line*; with *cut* no more of it than a terminal is wide."""
        width = self.width
        self.write(self.render(fit(line, width) if cut and width is not None else line) + "\n")

    def render(self, line: Line) -> str:
        """*line* with its looks as codes of a terminal."""
        return "".join(
            click.style(span.text, **_COLOURS[span.look]) if span.look and span.text else span.text
            for span in line
        )

    def write(self, text: str) -> None:
        """Write *text*, as far as the encoding has its characters; without codes of colours where
        nobody wants them."""
        encoding = self._encoding
        text = text.encode(encoding, "replace").decode(encoding)
        colourless = self._is_dumb or "NO_COLOR" in os.environ
        click.echo(text, nl=False, err=self._err, color=False if colourless else None)

    def control(self, codes: str, line: Line = ()) -> None:
        """Write *codes* as they are, which a terminal acts on, and *line* after them, at once."""
        if self._stream is not None:
            self._stream.write(codes)
            self.write(self.render(line))

    @property
    def _encoding(self) -> str:
        return getattr(self._stream, "encoding", None) or "utf-8"


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def _begin(text: str, room: int) -> Iterator[str]:
    for character in text:
        room -= _cells(character)
        if room < 0:
            return
        yield character
