"""How a dead letter is shown: in a row, on a page, or as a JSON document.

Whatever a letter says came from a network: it is cut, and can do nothing to a terminal.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from baton.cli.terminal import Span, Terminal, cells, pad
from baton.durable import MOST_LETTERS
from baton.errors import InvalidMessage
from baton.message import decode_body
from baton.text import excerpt, printable
from baton.times import to_iso

if TYPE_CHECKING:
    from baton.dead_letters import DeadLetters, Letter

_COLUMNS: Final = ("id", "died", "reason", "server", "type", "key")
_CELL: Final = 40
"""Characters of what is shown in a row, unless it is a server's name."""
_DEEPEST: Final = 8
"""Tables in tables of a header that are shown."""
_INDENTED: Final = 8
"""How many times as long as the body it may be when it is indented: deep nesting multiplies it."""
_HEADING: Final = 13
_OF_THE_QUEUE: Final = ("x-delivery-count", "x-acquired-count")
"""Headers that count how often letters were looked at."""


def row(letter: Letter) -> tuple[str, ...]:
    """What is listed of *letter*."""
    return (
        letter.id,
        _local(letter.died),
        _reason(letter),
        excerpt(letter.server or "?"),
        excerpt(letter.type or "?", _CELL),
        excerpt(letter.routing_key, _CELL),
    )


def table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print *rows* below each other; nothing if there is none."""
    if not rows:
        return
    widths = [max(map(cells, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    out = Terminal()
    looks = ["quiet"] + [""] * len(rows)
    for each, look in zip((_COLUMNS, *rows), looks, strict=True):
        line = "  ".join(pad(text, width) for text, width in zip(each, widths, strict=True))
        out.say((Span(line.rstrip(), look),), cut=True)


def totals(extension: str, number: int, dead: DeadLetters) -> str:
    """How many there are, and how many commands nobody began in time."""
    if dead.waiting is None:
        return f"no dead letters; no durable consumer of {extension} has run on this vhost"
    more = " or more" if dead.expired >= MOST_LETTERS else ""
    return (
        f"{_count(number, 'dead letter')}; "
        f"{_count(dead.expired, 'command', more)} expired within the last day"
    )


def where(letter: Letter) -> str:
    """Of which server and type *letter* is."""
    return f"{excerpt(letter.server or '?')}  {excerpt(letter.type or '?', _CELL)}"


def page(letter: Letter, errors: Sequence[str] = ()) -> str:
    """All that is known of *letter*, and the *errors* that somebody has seen of it."""
    return "\n".join(_lines(letter, errors))


def document(letter: Letter) -> dict[str, Any]:
    """*letter* without its headers and its body."""
    return {
        "id": letter.id,
        "command": letter.command,
        "died": None if letter.died is None else _iso(letter.died),
        "reason": letter.reason,
        "server": letter.server,
        "queue": letter.queue,
        "type": letter.type,
        "routing_key": letter.routing_key,
        "sender": letter.sender,
        "user": letter.user_id,
        "retry_of": letter.retry_of,
        "size": len(letter.delivery.body),
    }


def full_document(letter: Letter, errors: Sequence[str] = ()) -> dict[str, Any]:
    """All of *letter*, and the *errors* that somebody has seen of it. Where the body is no
    command, it is null, and ``raw`` is its text."""
    raw = letter.delivery.body
    try:
        body = decode_body(raw)
    except InvalidMessage:
        body = None
    return {
        **document(letter),
        "sent": _sent(letter),
        "errors": list(errors),
        "headers": _as_json(_headers(letter)),
        "body": body,
        "raw": raw.decode("utf-8", "replace") if body is None else None,
    }


def documents_as_text(documents: Sequence[Mapping[str, Any]]) -> str:
    """*documents* as a JSON list, indented unless that would become too long."""
    text = json.dumps(documents)
    return _indent(documents, _INDENTED * len(text), ensure_ascii=True) or text


def _lines(letter: Letter, errors: Sequence[str]) -> Iterator[str]:
    sender = printable(letter.sender or "?")
    user = f"  (user {printable(letter.user_id)})" if letter.user_id else ""
    for name, text in {
        "id": letter.id,
        "command": letter.command or "?",
        "died": f"{_local(letter.died)}  {_reason(letter)}",
        "server": letter.server or "?",
        "queue": letter.queue or "?",
        "type": letter.type or "?",
        "key": letter.routing_key,
        "sent": _sent(letter) or "?",
        "sender": f"{sender}{user}",
        "retry of": letter.retry_of,
        "size": f"{len(letter.delivery.body):,} bytes",
    }.items():
        if text is not None:
            yield f"{name:<{_HEADING}} {printable(text)}"
    for error in errors:
        yield f"{'error':<{_HEADING}} {printable(error)}"
    yield ""
    for name, value in sorted(_headers(letter).items()):
        yield f"{printable(name)}: {printable(json.dumps(_as_json(value), ensure_ascii=False))}"
    yield ""
    yield from map(printable, _indented(letter.delivery.body).split("\n"))


def _indented(raw: bytes) -> str:
    """A body as people read it; as it is, if it is no command or would become too long."""
    text = raw.decode("utf-8", "replace")
    try:
        body = decode_body(raw)
    except InvalidMessage:
        return text
    return _indent(body, _INDENTED * len(text), ensure_ascii=False) or text


def _indent(value: object, room: int, *, ensure_ascii: bool) -> str:
    """*value* as indented JSON; empty if that takes more *room* than there is."""
    pieces: list[str] = []
    try:
        for piece in json.JSONEncoder(indent=2, ensure_ascii=ensure_ascii).iterencode(value):
            pieces.append(piece)
            room -= len(piece)
            if room < 0:
                return ""
    except RecursionError:
        return ""
    return "".join(pieces)


def _as_json(value: Any, depth: int = 0) -> Any:
    """A value of a header as JSON has it."""
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case datetime():
            return value.isoformat()
        case bytes() | bytearray():
            return bytes(value).decode("utf-8", "replace")
        case Mapping() if depth < _DEEPEST:
            return {str(key): _as_json(each, depth + 1) for key, each in value.items()}
        case list() | tuple() if depth < _DEEPEST:
            return [_as_json(each, depth + 1) for each in value]
        case Mapping() | list() | tuple():
            return "…"
        case _:
            return str(value)


def _headers(letter: Letter) -> dict[str, Any]:
    """Those that it was sent with, and those that tell of its death."""
    headers = letter.delivery.envelope.headers.items()
    return {name: value for name, value in headers if name not in _OF_THE_QUEUE}


def _sent(letter: Letter) -> str | None:
    timestamp = letter.delivery.envelope.timestamp
    return None if timestamp is None else _iso(timestamp)


def _iso(seconds: float) -> str | None:
    try:
        return to_iso(seconds)
    except (OverflowError, OSError, ValueError):
        return None


def _local(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    try:
        return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return "?"


def _reason(letter: Letter) -> str:
    return excerpt(letter.reason.replace("_", " "), _CELL)


def _count(number: int, noun: str, more: str = "") -> str:
    shown = f"{number:,}" if number else "no"
    return f"{shown}{more} {noun}" + ("" if number == 1 else "s")
