"""The account of several rounds."""

from __future__ import annotations

from typing import Any

import pytest

from baton import Message, Reply
from baton.cli.fleet.series import Series
from baton.fleet import Result

GOOD = Result(
    message_id="1", extension="baton-ping", type="ping", targets=("p",), sent=0.0, timeout=2.0,
    took=0.1, answered=1,
)  # fmt: skip


def series(names: tuple[str, ...] = (), number: int = 0) -> Series:
    return Series(lambda reply: str(reply.message.get("n", "")), frozenset(names), number)


def say(to: Series, fqdn: str, elapsed: float = 0.01, **said: Any) -> None:
    message = Message({"type": "pong", "fqdn": fqdn, **said})
    to.reply(Reply(message, elapsed, "one", {"outcome": "done"}))


def test_a_server_is_known_when_it_answers() -> None:
    rounds = series()
    rounds.finish(GOOD)
    say(rounds, "web01", 0.01)
    rounds.finish(GOOD)
    say(rounds, "web01", 0.03)
    rounds.finish(GOOD)
    track = rounds.tracks["web01"]
    assert (track.asked, track.answered, track.lost) == (2, 2, 0)
    assert track.average == pytest.approx(0.02)
    assert (track.last, track.slowest) == (0.03, 0.03)
    assert (rounds.rounds, rounds.asked, rounds.answered) == (3, 2, 2)
    assert rounds.is_good
    assert rounds.times() == pytest.approx((0.02, 0.03))


def test_one_that_falls_silent_is_lost() -> None:
    rounds = series()
    for names in (["web01", "web02"], ["web01"], ["web01", "web02"], ["web01"]):
        for name in names:
            say(rounds, name)
        rounds.finish(GOOD)
    assert [(name, track.lost, track.asked) for name, track in rounds.lost()] == [("web02", 2, 4)]
    assert rounds.tracks["web02"].last is None
    assert rounds.loss == 0.25
    assert not rounds.is_good


def test_those_that_are_expected_are_known_before() -> None:
    rounds = series(("web01", "web02"))
    say(rounds, "web01")
    rounds.finish(GOOD)
    assert [name for name, _ in rounds.lost()] == ["web02"]
    assert rounds.tracks["web02"].average is None


def test_a_number_is_expected() -> None:
    rounds = series(number=4)
    say(rounds, "web01")
    rounds.finish(GOOD)
    assert (rounds.asked, rounds.answered, rounds.loss) == (4, 1, 0.75)
    assert list(rounds.lost()) == []
    assert not rounds.is_good


def test_a_round_in_which_nobody_could_be_asked() -> None:
    rounds = series()
    say(rounds, "web01")
    rounds.finish(GOOD)
    rounds.finish(None)
    assert (rounds.rounds, rounds.bad, rounds.loss) == (2, 1, 0.5)


def test_several_outputs_are_one_answer_that_may_be_an_error() -> None:
    rounds = series()
    say(rounds, "web01", 0.01, n="begun")
    say(rounds, "web01", 0.05, type="error", error_message="disk full")
    say(rounds, "web01", 0.06, n="more")
    rounds.finish(GOOD)
    track = rounds.tracks["web01"]
    assert (track.answered, track.last) == (1, 0.01)
    assert (track.said, track.is_failing) == ("error: disk full", True)
    say(rounds, "web01", n="well")
    rounds.finish(GOOD)
    assert (track.said, track.is_failing) == ("well", False)


def test_a_flood_of_names_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baton.cli.fleet.series._MOST", 10)
    rounds = series()
    for number in range(50):
        say(rounds, f"web{number}")
        rounds.finish(GOOD)
    for number in range(50, 100):
        say(rounds, f"web{number}")
    rounds.finish(GOOD)
    assert len(rounds.tracks) == 10


def test_nothing_was_asked() -> None:
    assert series().times() is None
    assert series().loss == 0
