"""Watchers are told, and harm nothing."""

from __future__ import annotations

import pytest

from baton.link import Phase, State
from baton.watched import Rounds, Watched


def test_each_watcher_is_told_in_turn() -> None:
    watched = Watched()
    told: list[str] = []
    watched.watch(lambda state: told.append(f"first {state.phase}"))
    watched.watch(lambda state: told.append(f"second {state.phase}"))
    watched.watch_pulse(lambda: told.append("pulse"))
    watched.tell_state(State(Phase.READY))
    watched.tell_pulse()
    assert told == ["first ready", "second ready", "pulse"]


def test_one_that_fails_is_logged_and_the_others_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a fault of the watcher")

    watched, told = Watched(), []
    for add in (watched.watch, watched.watch_pulse):
        add(fail)
        add(lambda *_: told.append(True))
    watched.tell_state(State())
    watched.tell_pulse()
    assert told == [True, True]
    assert caplog.text.count("A watcher failed") == 2
    assert caplog.text.count("KeyError: 'a fault of the watcher'") == 2


def test_a_round_is_complete_when_each_part_has_gone_round_since_the_last() -> None:
    rounds = Rounds()
    parts = ["a", "a", "b", "b", "b", "a", "a", "b"]
    assert [rounds.complete(part, of=2) for part in parts] == [
        *(False, False, True),
        *(False, False, True),
        *(False, True),
    ]
    assert rounds.complete("a", of=1)
