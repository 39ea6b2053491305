"""An output of a server, made fit to be kept and shown.

Whatever arrives becomes one: what comes from the network is hostile, and from here on it is cut,
printable, and of the right types. Times are in seconds since the epoch, by this process's clock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from baton.message import INSTANCE_HEADER
from baton.text import excerpt, printable, shorten

if TYPE_CHECKING:
    from baton.errors import InvalidMessage
    from baton.message import Message

MALFORMED: Final = "malformed"
"""The kind of what no server can have meant; its ``fqdn`` is empty."""

LONGEST_BODY: Final = 64 * 1024
"""Characters of a body that are kept."""
_LONGEST_FQDN: Final = 253
_LONGEST_NAME: Final = 64
_LONGEST_ID: Final = 255
_LONGEST_SUMMARY: Final = 200
_MOST_APPS: Final = 32
_LONGEST_FACT: Final = 2_000
_MOST_FACTS: Final = 4_000
_LONGEST_FACTS: Final = 256 * 1024
"""Characters of all facts of a server."""
_DEEPEST_FACT: Final = 12


@dataclass(frozen=True, slots=True)
class Observation:
    """One output, when it arrived and what it says.

    ``kind`` is the body's ``type``, or :data:`MALFORMED`. ``summary`` is a line for people,
    ``body`` the JSON text as it is kept, at most 64 KiB. ``latency`` is in seconds from the ping
    to this answer, None if that is not known. ``facts`` are those that a ``facts`` output tells.
    """

    received: float
    extension: str
    kind: str
    fqdn: str = ""
    environment: str = ""
    app_names: tuple[str, ...] = ()
    summary: str = ""
    body: str = ""
    message_id: str | None = None
    correlation_id: str | None = None
    instance: str = ""
    error: str = ""
    latency: float | None = None
    facts: Mapping[str, Any] | None = field(default=None, hash=False)


def observe(message: Message, extension: str, received: float) -> Observation:
    """What *message*, an output of *extension* that was *received* at that time, says."""
    fqdn = message.get("fqdn")
    kind = _line(message.type, _LONGEST_NAME)
    error = ""
    if not kind:
        error = "its type is empty"
    elif not isinstance(fqdn, str) or not fqdn.strip():
        error = "it names no server: fqdn should be a string"
    elif len(fqdn) > _LONGEST_FQDN:
        error = f"its fqdn has more than {_LONGEST_FQDN} characters"
    if error or kind == MALFORMED:
        return Observation(
            received,
            extension,
            MALFORMED,
            summary=error or f'its type is "{MALFORMED}"',
            body=_body(message),
            message_id=_id(message.message_id),
            correlation_id=_id(message.correlation_id),
        )
    problem = _error(message) if kind == "error" else ""
    apps = message.get("app_names")
    instance = message.headers.get(INSTANCE_HEADER)
    return Observation(
        received,
        extension,
        kind,
        fqdn=_line(fqdn, _LONGEST_FQDN),
        environment=_line(message.get("environment"), _LONGEST_NAME).lower(),
        app_names=_apps(apps) if isinstance(apps, list) else (),
        summary=problem or _summary(message, kind),
        body=_body(message),
        message_id=_id(message.message_id),
        correlation_id=_id(message.correlation_id),
        instance=_line(instance, _LONGEST_NAME),
        error=problem,
        facts=_facts(message) if kind == "facts" else None,
    )


def malformed(raw: bytes, error: InvalidMessage, extension: str, received: float) -> Observation:
    """What arrived and is no message, because of *error*."""
    return Observation(
        received,
        extension,
        MALFORMED,
        summary=_line(str(error), _LONGEST_SUMMARY),
        body=_text(raw),
    )


def _line(value: object, limit: int) -> str:
    """*value* as one line; ``""`` for what is no string."""
    if not isinstance(value, str):
        return ""
    if len(value) <= limit and value.isprintable() and "  " not in value:
        return value.strip()  # nearly always
    return printable(" ".join(shorten(value, limit).split()))


def _id(value: str | None) -> str | None:
    return _line(value, _LONGEST_ID) or None


def _apps(names: list[object]) -> tuple[str, ...]:
    found = (_line(each, _LONGEST_NAME) for each in names[:_MOST_APPS])
    return tuple(dict.fromkeys(filter(None, found)))


def _error(message: Message) -> str:
    parts = (
        _line(message.get(name), _LONGEST_SUMMARY) for name in ("error_class", "error_message")
    )
    return shorten(": ".join(filter(None, parts))) or "an error without words"


def _summary(message: Message, kind: str) -> str:
    match kind:
        case "pong":
            return "pong"
        case "facts":
            facts = message.get("facts")
            return f"{len(facts):,} facts" if isinstance(facts, dict) else "no facts"
        case _:
            return _line(message.get("message"), _LONGEST_SUMMARY) or kind


def _body(message: Message) -> str:
    """The body as text: as it came where that is harmless, else escaped."""
    raw = message.raw
    if len(raw) > LONGEST_BODY:
        return _text(raw)
    if raw and raw.isascii():
        text = raw.decode("ascii")
        if text.isprintable():
            return text
    try:
        return shorten(json.dumps(dict(message), separators=(",", ":")), LONGEST_BODY)
    except (ValueError, TypeError, RecursionError):
        return _text(raw)


def _text(raw: bytes) -> str:
    # A character has at most four bytes.
    return excerpt(raw[: 4 * LONGEST_BODY].decode("utf-8", "replace"), LONGEST_BODY)


def _facts(message: Message) -> Mapping[str, Any] | None:
    facts = message.get("facts")
    if not isinstance(facts, dict):
        return None
    tidied: dict[str, Any] = _Tidy().value(facts, 0)
    return tidied


class _Tidy:
    """Cuts JSON to a size, and makes its texts printable."""

    def __init__(self) -> None:
        self._left = _MOST_FACTS
        self._room = _LONGEST_FACTS

    def value(self, value: Any, depth: int) -> Any:
        self._left -= 1
        match value:
            case str():
                return self._text(value, _LONGEST_FACT)
            case int() if value.bit_length() > 64:
                return self._text(str(value), _LONGEST_FACT)
            case dict() | list() if depth >= _DEEPEST_FACT:
                return "…"
            case dict():
                return {
                    self._text(name, _LONGEST_NAME): self.value(each, depth + 1)
                    for name, each in value.items()
                    if self._has_room()
                }
            case list():
                return [self.value(each, depth + 1) for each in value if self._has_room()]
            case _:
                return value

    def _has_room(self) -> bool:
        return self._left > 0 and self._room > 0

    def _text(self, text: str, limit: int) -> str:
        text = excerpt(text, limit)
        self._room -= len(text)
        return text
