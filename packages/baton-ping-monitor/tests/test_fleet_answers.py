"""Pings and their answers."""

from __future__ import annotations

import pytest

from baton_ping_monitor.fleet.answers import Answers
from baton_ping_monitor.fleet.index import Index
from baton_ping_monitor.fleet.limits import Limits
from baton_ping_monitor.fleet.record import Record
from baton_ping_monitor.observation import Observation


class Scene:
    """One server, and pings of it."""

    def __init__(self) -> None:
        self.record = Record("web01", "production", first_seen=0.0, seen=0.0, correlates=True)
        index = Index()
        index.add(self.record)
        self.answers = Answers(index, Limits(patience=5.0))

    def said(self, received: float, answers: str | None) -> float | None:
        self.record.seen = received
        seen = Observation(received, "baton-ping", "pong", "web01", correlation_id=answers)
        return self.answers.note(self.record, seen)

    def judge(self, now: float) -> list[str]:
        """Those that let pings pass that are judged by then."""
        self.answers.rounds.alive(now)
        due = self.answers.rounds.due(now)
        return [record.fqdn for each in due for record in self.answers.judge(each)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_answer_has_a_latency(scene: Scene) -> None:
    scene.answers.sent({"production": "p1"}, 10.0)
    assert scene.said(10.5, "p1") == 0.5
    assert scene.said(10.6, None) is None
    assert scene.said(10.7, "of somebody else") is None
    assert scene.judge(20.0) == []
    assert tuple(scene.record.latencies) == (0.5,)


def test_an_answer_may_come_before_it_is_known_that_there_was_a_ping(scene: Scene) -> None:
    assert scene.said(10.5, "p1") is None
    scene.answers.sent({"production": "p1"}, 10.0)
    assert scene.record.latency == 0.5
    assert scene.judge(20.0) == []


def test_a_clock_that_was_set_back_makes_no_negative_latency(scene: Scene) -> None:
    scene.answers.sent({"production": "p1"}, 10.0)
    assert scene.said(9.0, "p1") == 0.0


def test_who_says_nothing_is_silent(scene: Scene) -> None:
    scene.answers.sent({"production": "p1"}, 10.0)
    assert scene.judge(14.9) == []
    assert scene.judge(15.0) == ["web01"]
    assert (scene.record.silent, tuple(scene.record.latencies)) == (1, (None,))


def test_who_says_something_else_meanwhile_let_it_pass_but_is_not_silent(scene: Scene) -> None:
    scene.answers.sent({"production": "p1"}, 10.0)
    scene.said(11.0, None)
    assert scene.judge(15.0) == ["web01"]
    assert scene.record.silent == 0


def test_a_late_answer_takes_the_place_of_the_gap(scene: Scene) -> None:
    scene.answers.sent({"production": "p1"}, 10.0)
    scene.judge(15.0)
    assert scene.said(16.0, "p1") == 6.0
    assert tuple(scene.record.latencies) == (6.0,)


def test_an_answer_to_an_earlier_ping_is_no_second_sample(scene: Scene) -> None:
    for number in (1, 2):
        scene.answers.sent({"production": f"p{number}"}, 10.0 + number)
    scene.said(12.5, "p2")
    assert scene.said(12.6, "p1") == pytest.approx(1.6)
    assert tuple(scene.record.latencies) == (0.5,)


@pytest.mark.parametrize("change", [{"is_retired": True}, {"first_seen": 11.0}])
def test_who_need_not_answer(scene: Scene, change: dict[str, object]) -> None:
    for name, value in change.items():
        setattr(scene.record, name, value)
    scene.answers.sent({"production": "p1"}, 10.0)
    assert scene.judge(20.0) == []
