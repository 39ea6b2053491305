"""What the fleet consists of, as JSON. Times are in seconds since the epoch, durations in seconds;
null is "not known"."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

from baton_ping_monitor.web.listing import slug

if TYPE_CHECKING:
    from baton_ping_monitor.fleet.view import FleetView, Incident, ServerView
    from baton_ping_monitor.store.records import Event, Point, RunRecord, Transition

_DEEPEST: Final = 500
"""Levels of a body: readers and writers of JSON go so deep, wherever they are called."""


def of_server(server: ServerView) -> dict[str, Any]:
    """A server as it is in a list."""
    return {
        "fqdn": server.fqdn,
        "environment": server.environment,
        "app_names": server.app_names,
        "state": slug(server.state),
        "since": server.since,
        "first_seen": server.first_seen,
        "last_pong": server.last_pong,
        "latency": server.latency,
        "silent": server.silent,
        "flaps": server.flaps,
        "pongs": server.pongs,
        "errors": server.errors,
        "is_failing": server.is_failing,
        "last_error": server.last_error,
        "error_at": server.error_at,
        "instances": server.instances,
        "is_expected": server.is_expected,
        "maintenance_until": server.maintenance_until,
    }


def of_fleet(view: FleetView) -> dict[str, Any]:
    """The fleet without its servers."""
    blindness = view.blindness
    return {
        "now": view.now,
        "blind": None if blindness is None else dataclasses.asdict(blindness),
        "last_output": view.last_output,
        "pings_by_itself": view.pings_by_itself,
        "counts": {slug(state): number for state, number in view.counts.items()},
        "environments": [
            {
                "name": each.name,
                "total": each.total,
                "is_silent": each.is_silent,
                "counts": {slug(state): number for state, number in each.counts.items()},
            }
            for each in view.environments
        ],
        "incidents": [of_incident(each) for each in view.incidents],
        "pings": view.pings,
        "pongs": view.pongs,
        "errors": view.errors,
        "malformed": view.malformed,
        "forgotten": view.forgotten,
    }


def of_incident(incident: Incident) -> dict[str, Any]:
    """An incident."""
    return dataclasses.asdict(incident)


def of_point(point: Point) -> dict[str, Any]:
    """A point of a server's history."""
    return dataclasses.asdict(point)


def of_transition(transition: Transition) -> dict[str, Any]:
    """A change of a server's state."""
    return dataclasses.asdict(transition)


def of_event(event: Event, *, with_body: bool = True) -> dict[str, Any]:
    """An output of the stream."""
    seen = event.observation
    return {
        "id": event.id,
        "received": seen.received,
        "extension": seen.extension,
        "type": seen.kind,
        "fqdn": seen.fqdn,
        "environment": seen.environment,
        "app_names": seen.app_names,
        "summary": seen.summary,
        "error": seen.error,
        "latency": seen.latency,
        "message_id": seen.message_id,
        "correlation_id": seen.correlation_id,
        "instance": seen.instance,
        "body": of_body(seen.body) if with_body else None,
    }


def of_reply(event: Event, *, with_body: bool = True) -> dict[str, Any]:
    """An output as an answer to a command: docs/collecting-replies.md."""
    seen = event.observation
    return {
        "message_id": seen.message_id,
        "fqdn": seen.fqdn,
        "instance": seen.instance,
        "type": seen.kind,
        "received": seen.received,
        "body": of_body(seen.body) if with_body else None,
    }


def of_body(text: str) -> Mapping[str, Any] | None:
    """The body as it was kept; None for one that is no JSON object, was cut, or has what no reader
    takes: numbers without end, half of a surrogate pair, thousands of levels."""
    try:
        found = _DECODER.decode(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and not _is_too_deep(text, found) else None


def of_run(run: RunRecord) -> dict[str, Any]:
    """A run that has ended."""
    document = run.document
    return {
        "id": run.id,
        "by": run.by,
        "targets": run.targets,
        "sent": run.sent,
        "done": True,
        "answered": document.get("answered"),
        "expected": document.get("expected"),
        "trouble": "",
        "document": document,
    }


def _is_too_deep(text: str, found: object) -> bool:
    if text.count("{") + text.count("[") <= _DEEPEST:
        return False
    level = [found]
    for _ in range(_DEEPEST):
        level = [part for each in level for part in _parts(each) if isinstance(part, dict | list)]
        if not level:
            return False
    return True


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
