"""The states of a server over time, as a band."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baton_ping_monitor.web.charts.scale import Scale

if TYPE_CHECKING:
    from baton_ping_monitor.store.records import Transition


@dataclass(frozen=True, slots=True)
class Stretch:
    """A state from one time to another; places are from 0 to 1. ``state`` is its word, empty where
    it is not known."""

    state: str
    began: float
    ended: float
    left: float
    width: float


def state_band(
    transitions: Sequence[Transition],
    current: str,
    start: float,
    end: float,
    known_since: float | None = None,
) -> list[Stretch]:
    """The stretches between *start* and *end*, from changes of state, the latest first or last.

    *current* is the state at *end*: all that is known if there was no change. What was before
    *known_since* is not known.
    """
    time = Scale(start, end)
    known = start if known_since is None else min(max(start, known_since), end)
    stretches = [("", start, known)]
    stretches += [
        (state, max(began, known), ended)
        for state, began, ended in _stretches(transitions, current, start, end)
    ]
    return [
        Stretch(state, began, ended, time(began), time(ended) - time(began))
        for state, began, ended in stretches
        if ended > began
    ]


def _stretches(
    transitions: Sequence[Transition], current: str, start: float, end: float
) -> Iterator[tuple[str, float, float]]:
    at = start
    state = current
    ordered = sorted(transitions, key=lambda it: it.at)
    if ordered:
        state = ordered[0].before
    for each in ordered:
        moment = min(max(each.at, start), end)
        yield state, at, moment
        at, state = moment, each.after
    yield state, at, end
