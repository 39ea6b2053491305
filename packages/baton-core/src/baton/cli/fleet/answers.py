"""What a server answers, as a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from baton.cli.fleet.summary import name_of
from baton.cli.terminal import Line, Span, cells, pad
from baton.text import excerpt, printable, shorten

if TYPE_CHECKING:
    from baton.fleet import Reply

Describe = Callable[["Reply"], str]
"""What a line says of an output, after the server's name and the time."""

_NARROWEST: Final = 20
_WIDEST: Final = 48
"""Columns of the names."""
_WHO: Final = ("fqdn", "environment", "app_names")
"""What an output says of who says it."""


class Answers:
    """Makes a line of each reply. The column of names is as wide as the longest so far; *names*
    are those that are known before."""

    def __init__(self, describe: Describe, names: Iterable[str] = ()) -> None:
        self._describe = describe
        longest = max(map(cells, names), default=0)
        self._column = min(_WIDEST, max(_NARROWEST, longest))

    def line(self, reply: Reply) -> Line | None:
        """The line of *reply*; None for word that a server has finished, if it has said all."""
        if reply.is_output:
            look, said = self._said(reply)
        elif reply.succeeded is False:
            look, said = "bad", excerpt(reply.outcome)
        elif reply.end is not None and reply.end.get("outputs") == 0:
            look, said = "good", "done"
        else:
            return None
        name = name_of(reply.fqdn)
        self._column = min(_WIDEST, max(self._column, cells(name)))
        begin = f"{pad(name, self._column)} {reply.elapsed * 1000:9,.1f} ms  "
        line = (Span(begin), Span(said, look))
        return (*line, Span(" (original)", "quiet")) if reply.original else line

    def _said(self, reply: Reply) -> tuple[str, str]:
        if reply.message.type != "error":
            return "", printable(self._describe(reply))
        words = reply.message.get("error_message")
        return "bad", printable(f"error: {shorten(words if isinstance(words, str) else '')}")


def body(reply: Reply) -> str:
    """An output as JSON, without what it says of the server."""
    said = {key: value for key, value in reply.message.items() if key not in _WHO}
    try:
        return json.dumps(said, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply)"


def row_as_json(reply: Reply) -> str:
    """A reply as one line of JSON, in ASCII. What nobody can write again is left out."""
    from baton.fleet import row  # noqa: PLC0415

    fields = row(reply)
    try:
        return json.dumps(fields)
    except RecursionError:
        # It is no deeper than what could be read, but stands in something more here.
        return json.dumps(fields | {"message": {"type": reply.message.type}})
