"""The state of the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton.message import Message
from baton_ping_monitor.fleet.state import FleetState, Health, Limits, ServerView

if TYPE_CHECKING:
    from conftest import Say

WEB = "web01.example.org"


@pytest.fixture
def fleet() -> FleetState:
    return FleetState()


def one(fleet: FleetState, now: float = 0.0) -> ServerView:
    (server,) = fleet.view(now).servers
    return server


def test_a_fleet_begins_empty(fleet: FleetState) -> None:
    view = fleet.view(0.0)
    assert view.servers == ()
    assert view.counts == {}


def test_a_pong_makes_a_server_known(fleet: FleetState, say: Say) -> None:
    fleet.record(say(), 10.0)
    assert one(fleet, 12.5) == ServerView(
        fqdn=WEB,
        environment="production",
        app_names=("shop",),
        health=Health.UP,
        pong_age=2.5,
        latency=None,
        pongs=1,
        errors=0,
        last_error="",
        error_age=None,
    )


def test_a_server_that_moves_is_shown_where_it_is(fleet: FleetState, say: Say) -> None:
    fleet.record(say(), 0.0)
    fleet.record(say(environment="staging", app_names=("blog",)), 1.0)
    assert one(fleet).environment == "staging"
    assert one(fleet).app_names == ("blog",)


def test_latency_is_known_of_a_pong_to_a_known_ping(fleet: FleetState, say: Say) -> None:
    fleet.sent("p1", "production", 10.0)
    fleet.record(say(answers="p1"), 10.25)
    assert one(fleet, 11.0).latency == 0.25
    fleet.record(say(answers="of somebody else"), 11.0)
    assert one(fleet, 11.0).latency is None


def test_a_pong_may_overtake_what_the_publisher_says(fleet: FleetState, say: Say) -> None:
    fleet.record(say(answers="p1"), 10.25)
    fleet.sent("p1", "production", 10.0)
    assert one(fleet).latency == 0.25
    for number in range(2, 5):
        fleet.sent(f"p{number}", "production", float(number))
    assert one(fleet).health is Health.UP  # p1 does not count as unanswered


def test_slow(fleet: FleetState, say: Say) -> None:
    fleet.sent("p1", WEB, 0.0)
    fleet.record(say(answers="p1"), 0.51)
    assert one(fleet).health is Health.SLOW
    fleet.sent("p2", WEB, 1.0)
    fleet.record(say(answers="p2"), 1.1)
    assert one(fleet).health is Health.UP


def test_failing_until_it_answered_well_three_times(fleet: FleetState, say: Say) -> None:
    fleet.record(say(kind="error", error_class="OSError", error_message="no\nspace"), 5.0)
    server = one(fleet, 7.0)
    assert server.health is Health.FAILING
    assert (server.errors, server.pongs, server.pong_age, server.error_age) == (1, 0, None, 2.0)
    assert server.last_error == "OSError: no space"
    for _ in range(2):
        fleet.record(say(), 8.0)
        assert one(fleet, 8.0).health is Health.FAILING
    fleet.record(say(), 9.0)
    assert one(fleet, 9.0).health is Health.UP
    assert one(fleet, 9.0).last_error == "OSError: no space"


@pytest.mark.parametrize("target", ["production", WEB, "*", "shop.production"])
def test_missing_when_it_let_more_than_three_pings_pass(
    fleet: FleetState, say: Say, target: str
) -> None:
    fleet.record(say(answers="p0"), 0.0)
    for number in range(3):
        fleet.sent(f"p{number + 1}", target, float(number))
        assert one(fleet).health is Health.UP
    fleet.sent("p4", target, 4.0)
    assert one(fleet, 4.0).health is Health.MISSING
    fleet.record(say(answers="p1"), 5.0)
    assert one(fleet, 5.0).health is not Health.MISSING


def test_pings_of_others_are_not_missed(fleet: FleetState, say: Say) -> None:
    fleet.record(say(answers="p0"), 0.0)
    for target in ("staging", "web02.example.org", "blog.production", "shop.staging"):
        for number in range(5):
            fleet.sent(f"{target} {number}", target, 1.0)
    assert one(fleet, 1.0).health is Health.UP


def test_a_ruby_server_is_reached_by_its_environment_alone(fleet: FleetState, say: Say) -> None:
    fleet.record(say(), 0.0)
    for _ in range(5):
        fleet.sent(None, "*", 1.0)
    assert one(fleet, 1.0).health is Health.UP
    for _ in range(5):
        fleet.sent(None, "production", 1.0)
    assert one(fleet, 1.0).health is Health.MISSING


def test_a_ping_that_nobody_takes_is_missed(fleet: FleetState, say: Say) -> None:
    fleet.record(say(answers="p0"), 0.0)
    for _ in range(4):
        fleet.sent(None, WEB, 1.0)
    assert one(fleet, 1.0).health is Health.MISSING


def test_quiet_when_nothing_was_heard_for_a_minute(fleet: FleetState, say: Say) -> None:
    fleet.record(say(), 0.0)
    assert one(fleet, 60.0).health is Health.UP
    assert one(fleet, 60.5).health is Health.QUIET
    fleet.record(say(kind="info", message="half way"), 61.0)
    server = one(fleet, 61.0)
    assert (server.health, server.pongs, server.pong_age) == (Health.UP, 1, 61.0)


def test_trouble_comes_first(fleet: FleetState, say: Say) -> None:
    fleet.record(say("missing", answers="p0"), 0.0)
    for _ in range(4):
        fleet.sent(None, "missing", 0.0)
    fleet.record(say("quiet"), 0.0)
    fleet.record(say("up b", environment="a"), 100.0)
    fleet.record(say("up a", environment="b"), 100.0)
    fleet.record(say("failing", kind="error"), 100.0)
    fleet.sent("p1", "slow", 99.0)
    fleet.record(say("slow", answers="p1"), 100.0)
    view = fleet.view(100.0)
    names = [server.fqdn for server in view.servers]
    assert names == ["missing", "failing", "slow", "quiet", "up b", "up a"]
    assert list(view.counts.items()) == [
        (Health.MISSING, 1),
        (Health.FAILING, 1),
        (Health.SLOW, 1),
        (Health.QUIET, 1),
        (Health.UP, 2),
    ]


def test_what_comes_again_is_counted_once(fleet: FleetState, say: Say) -> None:
    for _ in range(2):
        fleet.record(say(message_id="m1"), 0.0)
    fleet.record(say(message_id="m2"), 0.0)
    assert one(fleet).pongs == fleet.view(0.0).pongs == 2


@pytest.mark.parametrize("fqdn", [None, "", 12, ["web01"], {"a": 1}, True, "x" * 254])
def test_an_output_that_names_no_server_is_malformed(
    fleet: FleetState, say: Say, fqdn: object
) -> None:
    fleet.record(say(fqdn), 0.0)
    assert fleet.view(0.0).malformed == 1
    assert fleet.view(0.0).servers == ()


def test_an_output_without_a_body_is_malformed(fleet: FleetState) -> None:
    fleet.record(Message({}), 0.0)
    assert fleet.view(0.0).malformed == 1


@pytest.mark.parametrize("odd", [None, 12, True, {"a": 1}, [[1], None, 2.5]])
def test_odd_types_are_passed_over(fleet: FleetState, say: Say, odd: object) -> None:
    fleet.record(
        say(kind="error", environment=odd, app_names=odd, error_class=odd, error_message=odd), 0.0
    )
    server = one(fleet)
    assert (server.environment, server.app_names, server.last_error) == ("", (), "")
    assert server.errors == 1


def test_nothing_that_a_server_says_acts_on_the_terminal(fleet: FleetState, say: Say) -> None:
    evil = "\x1b[2J\x07\u202e"
    fleet.record(
        say(evil, kind="error", environment=evil, app_names=(evil,), error_message=evil), 0.0
    )
    server = one(fleet)
    for text in (server.fqdn, server.environment, *server.app_names, server.last_error):
        assert text.isprintable()


def test_its_memory_is_bounded(say: Say) -> None:
    fleet = FleetState(Limits(servers=3, pings=3, outputs=3))
    for number in range(10):
        fleet.sent(f"p{number}", "*", 0.0)
    for number in range(5):
        fleet.record(say(f"web{number}", message_id=f"m{number}", answers="p0"), 0.0)
    fleet.record(say("web2", message_id="m5", answers="p9"), 1.0)
    fleet.record(say("web9", message_id="m6"), 1.0)
    view = fleet.view(1.0)
    assert [server.fqdn for server in view.servers] == ["web2", "web4", "web9"]
    assert view.forgotten == 3
    assert [server.latency for server in view.servers] == [1.0, None, None]


def test_its_texts_are_bounded(fleet: FleetState, say: Say) -> None:
    long = "x" * 10_000
    apps = tuple(f"{number} {long}" for number in range(1000))
    fleet.record(
        say(
            kind="error",
            environment=long,
            app_names=apps,
            error_class=long,
            error_message=long,
        ),
        0.0,
    )
    server = one(fleet)
    assert len(server.environment) + len(server.last_error) < 300
    assert sum(map(len, server.app_names)) < 3000
