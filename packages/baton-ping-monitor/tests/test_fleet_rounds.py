"""Rounds of pings."""

from __future__ import annotations

from baton_ping_monitor.fleet.rounds import Rounds


def test_a_round_is_judged_once_when_its_time_is_over() -> None:
    rounds = Rounds(pings=10, patience=5.0)
    rounds.begin(["a", "b"], ["p1", "p2"], 10.0)
    rounds.alive(20.0)
    assert rounds.due(14.9) == []
    (judged,) = rounds.due(15.0)
    assert (judged.number, judged.sent, judged.targets) == (1, 10.0, ("a", "b"))
    assert rounds.due(16.0) == []
    assert rounds.judged == 1


def test_and_when_there_was_a_sign_of_life_after_that() -> None:
    rounds = Rounds(pings=10, patience=5.0)
    rounds.begin(["a"], ["p1"], 10.0)
    rounds.alive(14.0)
    assert rounds.due(100.0) == []
    rounds.alive(15.0)
    assert [each.number for each in rounds.due(100.0)] == [1]


def test_what_is_dropped_is_not_judged_but_known() -> None:
    rounds = Rounds(pings=10, patience=5.0)
    rounds.begin(["a"], ["p1"], 10.0)
    rounds.drop()
    rounds.alive(20.0)
    assert rounds.due(20.0) == []
    found = rounds.of("p1")
    assert found is not None
    assert found.sent == 10.0


def test_its_memory_is_bounded() -> None:
    rounds = Rounds(pings=3, patience=5.0)
    for number in range(1000):
        rounds.begin(["a"], [f"p{number}"], float(number))
    rounds.alive(2000.0)
    assert len(rounds.due(2000.0)) == 100
    assert rounds.of("p996") is None
    assert rounds.of("p997") is not None
    assert rounds.of(None) is None
