"""What alerts say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from baton.text import excerpt

if TYPE_CHECKING:
    from baton_ping_monitor.fleet.view import Blindness, Incident

_LISTED: Final = 20
"""Servers that a message names at most."""
_NAME: Final = 100
"""Characters of a name that a message repeats at most."""
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))


class Tone(StrEnum):
    """How bad it is, in the words of Apprise."""

    BAD = "failure"
    GOOD = "success"
    WARNING = "warning"
    NEUTRAL = "info"


@dataclass(frozen=True, slots=True)
class Alert:
    """A message: a line, and the text below it. ``incidents`` are the ids of those that it is
    about."""

    title: str
    text: str
    tone: Tone
    incidents: tuple[str, ...] = ()


def began(incident: Incident) -> Alert:
    """Somebody is missing."""
    title = f"{_subject(incident)} missing"
    text = f"{_what(incident)} since {_moment(incident.began)}."
    return Alert(title, text, Tone.BAD, (incident.id,))


def ended(incident: Incident) -> Alert:
    """Somebody is not missing any more: it answers, or it is not expected to."""
    title = f"{_subject(incident)} no longer missing"
    text = f"{_what(incident, past=True)} for {_length(incident)}: {_between(incident)}."
    return Alert(title, text, Tone.GOOD, (incident.id,))


def passed(incident: Incident) -> Alert:
    """Somebody was missing, and is not any more when it is told: one message tells it all."""
    alert = ended(incident)
    return Alert(
        f"{_subject(incident, past=True)} missing for {_length(incident)}",
        alert.text,
        Tone.WARNING,
        alert.incidents,
    )


def many_began(incidents: Sequence[Incident]) -> Alert:
    """Many are missing at once."""
    title = f"{len(incidents)} new incidents: {_counted(incidents)} missing"
    text = f"Since {_moment(min(each.began for each in incidents))}:\n{_listed(incidents)}"
    return Alert(title, text, Tone.BAD, tuple(each.id for each in incidents))


def many_ended(incidents: Sequence[Incident]) -> Alert:
    """Many are not missing any more."""
    title = f"{len(incidents)} incidents over: {_counted(incidents)} no longer missing"
    return Alert(title, _listed(incidents), Tone.GOOD, tuple(each.id for each in incidents))


def blind(blindness: Blindness) -> Alert:
    """The monitor sees nothing."""
    text = (
        f"The monitor has seen nothing since {_moment(blindness.since)}: "
        f"{excerpt(blindness.reason)}. Until it sees again, nobody can be said to be missing."
    )
    return Alert("The monitor sees nothing", text, Tone.WARNING)


def sees_again(blindness: Blindness, now: float) -> Alert:
    """The monitor sees what happens again."""
    length = lasting(now - blindness.since)
    text = f"It had seen nothing for {length}, since {_moment(blindness.since)}."
    return Alert("The monitor sees again", text, Tone.GOOD)


def trial(by: str, now: float) -> Alert:
    """What the button for a test sends."""
    text = f"A test by {excerpt(by, _NAME)} at {_moment(now)}. Nothing is wrong."
    return Alert("A test of the monitor's alerts", text, Tone.NEUTRAL)


def lasting(seconds: float) -> str:
    """A length of time in its two biggest units.

    >>> lasting(42.4), lasting(150), lasting(90_000)
    ('42 s', '2 min 30 s', '1 d 1 h')
    """
    rest, parts = max(0, round(seconds)), []
    for size, name in _UNITS:
        number, rest = divmod(rest, size)
        if number:
            parts.append(f"{number} {name}")
    if rest or not parts:
        parts.append(f"{rest} s")
    return " ".join(parts[:2])


def _subject(incident: Incident, *, past: bool = False) -> str:
    name = excerpt(incident.subject, _NAME)
    if incident.is_environment:
        return f"All of {name} {'was' if past else 'is'}"
    return f"{name} {'was' if past else 'is'}"


def _what(incident: Incident, *, past: bool = False) -> str:
    verb = ("was", "were") if past else ("has been", "have been")
    if incident.is_environment:
        servers = f"All {len(incident.servers)} servers of {excerpt(incident.environment, _NAME)}"
        return f"{servers} {verb[1]} missing"
    where = f" ({excerpt(incident.environment, _NAME)})" if incident.environment else ""
    return f"{excerpt(incident.subject, _NAME)}{where} {verb[0]} missing"


def _counted(incidents: Sequence[Incident]) -> str:
    number = len({server for each in incidents for server in each.servers})
    return "1 server" if number == 1 else f"{number} servers"


def _listed(incidents: Sequence[Incident]) -> str:
    lines = [_line(each) for each in incidents[:_LISTED]]
    if len(incidents) > _LISTED:
        lines.append(f"and {len(incidents) - _LISTED} more")
    return "\n".join(lines)


def _line(incident: Incident) -> str:
    name = excerpt(incident.subject, _NAME)
    if incident.is_environment:
        name = f"all {len(incident.servers)} servers of {name}"
    elif incident.environment:
        name = f"{name} ({excerpt(incident.environment, _NAME)})"
    return name if incident.ended is None else f"{name}, after {_length(incident)}"


def _length(incident: Incident) -> str:
    return lasting((incident.ended or incident.began) - incident.began)


def _between(incident: Incident) -> str:
    return f"{_moment(incident.began)} to {_moment(incident.ended or incident.began)}"


def _moment(at: float) -> str:
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "an unknown time"
