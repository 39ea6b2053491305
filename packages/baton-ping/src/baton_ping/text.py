"""What a line says of a pong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from baton.text import excerpt, printable, shorten

if TYPE_CHECKING:
    from baton.fleet import Reply

_WIDEST: Final = 24
"""Columns that the names of facts take at most."""
_LONGEST: Final = 10_000
"""Facts of one server that are shown at most."""


def place(reply: Reply) -> str:
    """The environment and the applications of a server, as it says."""
    apps = reply.message.get("app_names")
    names = apps if isinstance(apps, list) else []
    return shorten(" ".join(map(str, [reply.message.get("environment", ""), *names])).strip())


def facts(reply: Reply) -> Iterator[str]:
    """A line for each fact of a server, as it says."""
    found = reply.message.get("facts")
    if not isinstance(found, Mapping):
        return
    names = [excerpt(name) for name in found][:_LONGEST]
    column = min(_WIDEST, max(map(len, names), default=0))
    for name, value in zip(names, found.values(), strict=False):
        yield f"  {name:<{column}}  {_shown(value)}"


def _shown(value: Any) -> str:
    if isinstance(value, str) and value and value.isprintable():
        return value
    try:
        return printable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    except RecursionError:
        return "(nested too deeply)"
