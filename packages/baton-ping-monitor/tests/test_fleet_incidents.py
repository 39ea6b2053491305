"""Incidents: a server that is missing, an environment that fell silent."""

from __future__ import annotations

import time

import pytest

from baton_ping_monitor.fleet.limits import Limits
from baton_ping_monitor.fleet.state import FleetState
from baton_ping_monitor.fleet.view import Incident
from baton_ping_monitor.observation import Observation

ALL = tuple(f"web{number}" for number in range(5))


class Scene:
    """A fleet that is pinged every 10 s."""

    def __init__(self) -> None:
        self.fleet = FleetState(Limits(patience=10.0), pings_by_itself=True)
        self.now = 0.0
        self._number = 0

    def ping(self, *answering: str, environment: str = "production") -> None:
        """The next ping goes out, and is answered by some."""
        self._number += 1
        self.fleet.ping_sent({"*": f"p{self._number}"}, self.now)
        for fqdn in answering:
            self.answer(fqdn, environment)
        for _ in range(10):
            self.now += 1
            self.fleet.alive(self.now)
            self.fleet.tick(self.now)

    def answer(self, fqdn: str, environment: str = "production") -> None:
        self.fleet.observe(
            Observation(
                self.now + 0.1,
                "baton-ping",
                "pong",
                fqdn,
                environment,
                correlation_id=f"p{self._number}",
            )
        )

    @property
    def open(self) -> list[str]:
        return sorted(each.subject for each in self.fleet.view(self.now).incidents)

    def news(self) -> list[tuple[str, bool, bool]]:
        """What began, grew or ended: of whom, is it an environment, has it ended?"""
        incidents: tuple[Incident, ...] = self.fleet.take_changes().incidents
        return [(each.subject, each.is_environment, each.ended is not None) for each in incidents]


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.fleet.tick(0.0)
    scene.ping(*ALL)
    return scene


def test_a_server_that_is_missing_is_an_incident_until_it_is_back(scene: Scene) -> None:
    for _ in range(3):
        assert scene.open == []
        scene.ping(*ALL[1:])
    assert scene.open == ["web0"]
    (incident,) = scene.fleet.view(scene.now).incidents
    assert (incident.began, incident.servers) == (40.0, ("web0",))
    assert (incident.environment, incident.is_environment) == ("production", False)
    scene.ping(*ALL)
    assert scene.news() == [("web0", False, False), ("web0", False, True)]


def test_an_environment_that_falls_silent_is_one_incident(scene: Scene) -> None:
    for _ in range(3):
        scene.ping()
    assert scene.news() == [("production", True, False)]
    view = scene.fleet.view(scene.now)
    assert view.incidents[0].servers == ALL
    assert view.environments[0].is_silent
    scene.ping(*ALL)
    assert scene.news() == [("production", True, True)]
    assert not scene.fleet.view(scene.now).environments[0].is_silent


def test_it_is_one_even_if_some_answered_one_ping_more(scene: Scene) -> None:
    scene.ping(*ALL[3:])
    for _ in range(3):
        scene.ping()
    assert scene.news() == [("production", True, False)]
    assert scene.fleet.view(scene.now).incidents[0].servers == ALL


def test_it_is_many_if_one_answers(scene: Scene) -> None:
    for _ in range(3):
        scene.ping("web4")
    assert scene.open == ["web0", "web1", "web2", "web3"]


def test_who_does_not_come_back_with_the_others_is_an_incident(scene: Scene) -> None:
    for _ in range(3):
        scene.ping()
    scene.news()
    scene.ping("web1")  # the first; the others have one more ping to answer
    assert scene.open == ["production"]
    scene.ping(*ALL[1:])
    assert scene.news() == [("production", True, True), ("web0", False, False)]
    assert scene.open == ["web0"]


def test_it_falls_silent_again_while_it_comes_back(scene: Scene) -> None:
    for _ in range(3):
        scene.ping()
    scene.ping("web1")
    for _ in range(4):
        scene.ping()
    assert "production" in scene.open


def test_one_server_is_no_environment() -> None:
    scene = Scene()
    scene.fleet.tick(0.0)
    scene.ping("web0")
    for _ in range(3):
        scene.ping()
    assert scene.news() == [("web0", False, False)]


def test_those_in_maintenance_and_retired_do_not_count(scene: Scene) -> None:
    scene.fleet.maintain(["web0"], 10_000.0, "alice", scene.now)
    scene.fleet.retire(["web1"], "alice", scene.now)
    for _ in range(3):
        scene.ping()
    (incident,) = scene.fleet.view(scene.now).incidents
    assert (incident.subject, incident.servers) == ("production", ALL[2:])


def test_maintenance_ends_an_incident(scene: Scene) -> None:
    for _ in range(3):
        scene.ping(*ALL[1:])
    scene.fleet.maintain(["web0"], 10_000.0, "alice", scene.now)
    assert scene.open == []


def test_what_was_told_before_stays_when_all_fall_silent(scene: Scene) -> None:
    for _ in range(3):
        scene.ping(*ALL[1:])
    for _ in range(3):
        scene.ping()
    assert scene.open == ["production", "web0"]
    assert scene.news() == [("web0", False, False), ("production", True, False)]


def test_a_server_that_moved_has_no_incident_where_it_was(scene: Scene) -> None:
    for _ in range(3):
        scene.ping(*ALL[1:])
    scene.answer("web0", "staging")
    scene.ping(*ALL[1:])
    assert scene.news() == [("web0", False, False), ("web0", False, True)]


def test_the_same_incident_has_the_same_id_all_the_time(scene: Scene) -> None:
    for _ in range(3):
        scene.ping(*ALL[1:])
    (began,) = scene.fleet.take_changes().incidents
    scene.ping(*ALL)
    (ended,) = scene.fleet.take_changes().incidents
    assert began.id == ended.id
    assert (ended.began, ended.ended is not None) == (began.began, True)


def test_thousands_of_environments_do_not_hold_up_the_loop() -> None:
    """Each may be what a hostile server says of itself: five times as many cost some five times as
    much, and not 25 times."""

    def cost(environments: int) -> float:
        scene = Scene()
        scene.fleet.tick(0.0)
        for number in range(environments):
            scene.answer(f"web{number}", f"environment {number}")
        for _ in range(3):
            scene.ping()
        rounds = []
        for _ in range(3):
            begin = time.process_time()
            scene.ping()
            rounds.append(time.process_time() - begin)
        assert len(scene.open) == environments
        return min(rounds)

    assert cost(5_000) < 15 * cost(1_000)
