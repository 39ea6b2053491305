"""A result as JSON, and back: one document, whoever reads it.

Its fields are described in docs/collecting-replies.md, and a test holds the two together. Times of
the run are in seconds, those of a reply in milliseconds; names are as the servers said them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

from baton.fleet.result import Duplicate, Failure, Latency, Result
from baton.times import from_iso, to_iso

if TYPE_CHECKING:
    from baton.fleet.reply import Reply

SCHEMA: Final = 1
"""The version of the document: a field may be added to it, none changes its meaning."""

_MOST: Final = 2**53
"""No number is larger: one that can be computed with, whoever wrote it."""

_LATENCY: Final = {
    "min": "minimum",
    "avg": "average",
    "p50": "p50",
    "p95": "p95",
    "p99": "p99",
    "max": "maximum",
}
"""The fields of a latency, each with that of the value."""


def to_document(result: Result, replies: Iterable[Reply] | None = None) -> dict[str, Any]:
    """*result* as an object of JSON, with a row for each of *replies* when they are given."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "id": result.message_id,
        "extension": result.extension,
        "type": result.type,
        "targets": list(result.targets),
        "where": list(result.where),
        "sent": to_iso(result.sent),
        "timeout": round(result.timeout, 3),
        "took": round(result.took, 3),
        "expected": result.expected,
        "answered": result.answered,
        "replies_count": result.replies,
        "missing": {"count": result.missing_count, "names": list(result.missing)},
        "unexpected": list(result.unexpected),
        "duplicates": [
            {"fqdn": each.fqdn, "instances": each.instances} for each in result.duplicates
        ],
        "errors": [
            {
                "fqdn": each.fqdn,
                "outcome": each.outcome,
                "class": each.error_class,
                "message": each.error_message,
            }
            for each in result.errors
        ],
        "originals": list(result.originals),
        "late": list(result.late),
        "silent": list(result.silent),
        "unroutable": list(result.unroutable),
        "not_asked": list(result.not_asked),
        "latency": None if result.latency is None else _latency(result.latency),
        "complete": result.complete,
        "interrupted": result.interrupted,
        "succeeded": result.succeeded,
    }
    if replies is not None:
        document["replies"] = [row(reply) for reply in replies]
    return document


def row(reply: Reply) -> dict[str, Any]:
    """*reply* as an object of JSON; its ``message`` is null if the server said only that it has
    finished."""
    return {
        "fqdn": reply.fqdn,
        "ms": to_ms(reply.elapsed),
        "instance": reply.instance,
        "original": reply.original,
        "outcome": reply.outcome,
        "message": dict(reply.message) if reply.is_output else None,
    }


def from_document(document: object) -> Result:
    """The result of which *document* tells; its latency has no histogram.

    Fields that it does not know are passed over. Raises ValueError, which names the field, for
    one that is not there or is wrong.
    """
    fields = Fields(document)
    if (schema := fields.number("schema")) != SCHEMA:
        raise ValueError(f'"schema" is {schema:g}: this version of Baton reads {SCHEMA}')
    missing = fields.inner("missing")
    latency = fields.value("latency")
    return Result(
        message_id=fields.text("id"),
        extension=fields.text("extension"),
        type=fields.text("type"),
        targets=fields.texts("targets"),
        where=fields.texts("where"),
        sent=from_iso(fields.text("sent")),
        timeout=fields.number("timeout"),
        took=fields.number("took"),
        expected=None if fields.value("expected") is None else fields.count("expected"),
        answered=fields.count("answered"),
        replies=fields.count("replies_count"),
        missing=missing.texts("names"),
        missing_count=missing.count("count"),
        unexpected=fields.texts("unexpected"),
        duplicates=tuple(
            Duplicate(each.text("fqdn"), each.count("instances"))
            for each in fields.objects("duplicates")
        ),
        errors=tuple(
            Failure(*(each.text(name) for name in ("fqdn", "outcome", "class", "message")))
            for each in fields.objects("errors")
        ),
        originals=fields.texts("originals"),
        late=fields.texts("late"),
        silent=fields.texts("silent"),
        unroutable=fields.texts("unroutable"),
        not_asked=fields.texts("not_asked"),
        latency=None if latency is None else _read_latency(fields.inner("latency")),
        complete=fields.flag("complete"),
        interrupted=fields.flag("interrupted"),
    )


def parse_json(content: bytes) -> Any:
    """What *content* says in JSON. Raises ValueError for what is none, or not UTF-8."""
    try:
        return json.loads(content.decode("utf-8-sig"), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def to_ms(seconds: float) -> float:
    """Milliseconds, with three decimals."""
    return round(seconds * 1000, 3)


def _latency(latency: Latency) -> dict[str, Any]:
    times = {name: to_ms(getattr(latency, field)) for name, field in _LATENCY.items()}
    return {"count": latency.count, **times}


def _read_latency(fields: Fields) -> Latency:
    times: dict[str, Any] = {field: fields.number(name) / 1000 for name, field in _LATENCY.items()}
    return Latency(count=fields.count("count"), **times)


class Fields:
    """The fields of a document that somebody else may have written; what is wrong with one is a
    ValueError that names it."""

    def __init__(self, document: object, path: str = "") -> None:
        if not isinstance(document, Mapping):
            raise ValueError(f'"{path}" should be an object' if path else "it is no object")
        self._document = document
        self._path = path

    @property
    def document(self) -> Mapping[str, Any]:
        """The whole of it."""
        return self._document

    def value(self, name: str) -> Any:
        """What stands there."""
        if name not in self._document:
            raise ValueError(f'"{self._named(name)}" is not there')
        return self._document[name]

    def text(self, name: str) -> str:
        """A string."""
        value = self.value(name)
        if not isinstance(value, str):
            raise self._wrong(name, "a string")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        values = self.value(name)
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            raise self._wrong(name, "a list of strings")
        return tuple(values)

    def number(self, name: str) -> float:
        """A number that is not negative."""
        value = self.value(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._wrong(name, "a number")
        if not 0 <= value <= _MOST:
            raise self._wrong(name, "a number that is not negative, nor huge")
        return value

    def count(self, name: str) -> int:
        """A whole number."""
        value = self.number(name)
        if not isinstance(value, int):
            raise self._wrong(name, "a whole number")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.value(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def inner(self, name: str) -> Fields:
        """The fields of an object."""
        return Fields(self.value(name), self._named(name))

    def objects(self, name: str) -> list[Fields]:
        """A list of objects."""
        values = self.value(name)
        if not isinstance(values, list):
            raise self._wrong(name, "a list")
        return [Fields(each, self._named(name)) for each in values]

    def _named(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _wrong(self, name: str, allowed: str) -> ValueError:
        return ValueError(f'"{self._named(name)}" should be {allowed}')
