"""The state of the fleet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from baton_ping_monitor.fleet.limits import Limits
from baton_ping_monitor.fleet.state import FleetState
from baton_ping_monitor.fleet.view import ServerView, State
from baton_ping_monitor.observation import MALFORMED, Observation
from baton_ping_monitor.store.records import Missed, ServerRecord, Transition

WEB = "web01.example.org"
DB = "db01.example.org"
LIMITS = Limits(patience=10.0)


def said(
    received: float,
    fqdn: str = WEB,
    kind: str = "pong",
    answers: str | None = "other",
    **more: object,
) -> Observation:
    seen = Observation(received, "baton-ping", kind, fqdn, "production", ("shop",))
    return replace(seen, correlation_id=answers, **more)  # type: ignore[arg-type]


@pytest.fixture
def fleet() -> FleetState:
    fleet = FleetState(LIMITS, pings_by_itself=True)
    fleet.tick(0.0)
    return fleet


def server(fleet: FleetState, fqdn: str = WEB, now: float = 0.0) -> ServerView:
    found = fleet.server(fqdn, now)
    assert found is not None
    return found


def run(fleet: FleetState, begin: float, end: float) -> None:
    """Time passes: a tick a second."""
    now = begin
    while now <= end:
        fleet.tick(now)
        now += 1.0


def ping(fleet: FleetState, number: int, *answering: str, target: str = "production") -> None:
    """Ping *number* goes out, 10 s after the one before; it is answered at once, and judged when
    the next one goes out."""
    now = 10.0 * number
    run(fleet, now - 9, now)
    fleet.ping_sent({target: f"p{number}"}, now)
    fleet.tick(now)
    for fqdn in answering:
        fleet.observe(said(now + 0.25, fqdn, answers=f"p{number}"))


def test_a_fleet_begins_empty(fleet: FleetState) -> None:
    view = fleet.view(5.0)
    assert (view.servers, view.counts, view.now, view.pings_by_itself) == ((), {}, 5.0, True)


def test_a_pong_makes_a_server_known(fleet: FleetState) -> None:
    fleet.observe(said(10.0))
    assert fleet.view(12.5).servers == (
        ServerView(
            WEB,
            "production",
            ("shop",),
            State.UP,
            since=10.0,
            first_seen=10.0,
            last_pong=10.0,
            pongs=1,
        ),
    )
    assert fleet.view(12.5).counts == {State.UP: 1}
    assert fleet.view(12.5).last_output == 10.0


def test_latency_is_known_of_a_pong_to_a_ping_of_ours(fleet: FleetState) -> None:
    fleet.ping_sent({"production": "p1"}, 10.0)
    assert fleet.observe(said(10.25, answers="p1")).latency == 0.25
    assert server(fleet).latencies == (0.25,)
    assert fleet.observe(said(11.0, answers="of somebody else")).latency is None
    assert (server(fleet).latency, server(fleet).latencies) == (0.25, (0.25,))


def test_a_pong_may_overtake_what_the_publisher_says(fleet: FleetState) -> None:
    fleet.observe(said(10.25, answers="p1"))
    fleet.ping_sent({"production": "p1"}, 10.0)
    assert server(fleet).latency == 0.25
    run(fleet, 11.0, 20.0)
    fleet.ping_sent({"production": "p2"}, 20.0)
    fleet.tick(20.0)
    assert server(fleet).silent == 0


def test_late_after_one_silent_ping_missing_after_three_up_at_once(fleet: FleetState) -> None:
    ping(fleet, 1, WEB)
    ping(fleet, 2)
    ping(fleet, 3)
    assert (server(fleet).state, server(fleet).silent) == (State.LATE, 1)
    ping(fleet, 4)
    assert server(fleet).state is State.LATE
    ping(fleet, 5)
    missing = server(fleet)
    assert (missing.state, missing.silent, missing.since) == (State.MISSING, 3, 50.0)
    assert missing.latencies == (0.25, None, None, None)
    fleet.observe(said(50.5, answers="p5"))
    assert (server(fleet).state, server(fleet).silent, server(fleet).flaps) == (State.UP, 0, 1)
    states = [(each.at, each.before, each.after) for each in fleet.take_changes().transitions]
    assert states == [
        (10.25, State.NEVER_SEEN, State.UP),
        (30.0, State.UP, State.LATE),
        (50.0, State.LATE, State.MISSING),
        (50.5, State.MISSING, State.UP),
    ]


def test_pings_that_were_let_pass_are_kept(fleet: FleetState) -> None:
    ping(fleet, 1, WEB)
    ping(fleet, 2)
    ping(fleet, 3)
    assert fleet.take_changes().missed == (Missed(20.0, WEB),)
    assert fleet.take_changes().missed == ()


def test_changes_of_a_server_are_told_in_the_order_in_which_they_were_made(
    fleet: FleetState,
) -> None:
    """What arrived before a tick may be looked at after it, when there is much to do."""
    ping(fleet, 1, WEB)
    ping(fleet, 2)
    ping(fleet, 3)
    late = server(fleet)
    assert (late.state, late.since) == (State.LATE, 30.0)
    fleet.observe(said(29.5, answers="p2"))
    assert server(fleet).since == 30.0
    times = [each.at for each in fleet.take_changes().transitions]
    assert times == sorted(times)


def test_who_answers_a_later_ping_is_up_even_if_an_earlier_one_was_lost(fleet: FleetState) -> None:
    ping(fleet, 1, WEB)
    fleet.ping_sent({"production": "lost"}, 11.0)
    fleet.ping_sent({"production": "p3"}, 12.0)
    fleet.observe(said(12.5, answers="p3"))
    run(fleet, 13.0, 22.0)
    ping(fleet, 4)
    assert server(fleet).state is State.UP


def test_an_answer_that_comes_late_is_an_answer(fleet: FleetState) -> None:
    ping(fleet, 1, WEB)
    ping(fleet, 2)
    ping(fleet, 3)
    assert server(fleet).latencies == (0.25, None)
    fleet.observe(said(32.0, answers="p2"))
    assert server(fleet).latencies == (0.25, 12.0)
    assert server(fleet).state is State.UP


def test_who_was_not_there_yet_did_not_let_it_pass(fleet: FleetState) -> None:
    ping(fleet, 1, WEB)
    fleet.observe(said(12.0, DB))
    ping(fleet, 2, WEB)
    assert server(fleet, DB).silent == 0
    ping(fleet, 3, WEB)
    assert server(fleet, DB).silent == 1


@pytest.mark.parametrize("target", ["production", WEB, "*", "shop.production"])
def test_every_target_that_reaches_a_server_does(fleet: FleetState, target: str) -> None:
    ping(fleet, 1, WEB, target=target)
    ping(fleet, 2, target=target)
    ping(fleet, 3, target=target)
    assert server(fleet).state is State.LATE


@pytest.mark.parametrize("target", ["staging", DB, "blog.production", "shop.staging"])
def test_pings_of_others_are_not_let_pass(fleet: FleetState, target: str) -> None:
    ping(fleet, 1, WEB)
    for number in range(2, 6):
        ping(fleet, number, target=target)
    assert server(fleet).state is State.UP


def test_two_targets_that_reach_a_server_are_one_ping(fleet: FleetState) -> None:
    ping(fleet, 1, WEB)
    for number in (2, 3):
        run(fleet, 10.0 * number - 9, 10.0 * number)
        fleet.ping_sent({WEB: f"a{number}", "*": f"b{number}"}, 10.0 * number)
        fleet.tick(10.0 * number)
    assert server(fleet).silent == 1
    fleet.observe(said(30.5, answers="b3"))
    ping(fleet, 4)
    assert server(fleet).silent == 0


def test_a_ping_that_nobody_takes_is_let_pass(fleet: FleetState) -> None:
    ping(fleet, 1, WEB)
    fleet.ping_sent({WEB: None}, 20.0)
    run(fleet, 11.0, 30.0)
    ping(fleet, 4)
    assert server(fleet).silent == 1


def test_a_ruby_server_is_reached_by_its_environment_alone(fleet: FleetState) -> None:
    fleet.observe(said(1.0, answers=None))
    ping(fleet, 1, target="*")
    ping(fleet, 2, target="*")
    assert server(fleet).silent == 0
    ping(fleet, 3)
    ping(fleet, 4)
    assert server(fleet).silent == 1


def test_while_blind_nobody_is_silent(fleet: FleetState) -> None:
    ping(fleet, 1, WEB)
    ping(fleet, 2)
    fleet.blind("the broker is away", 21.0)
    fleet.blind("it is still away", 22.0)
    run(fleet, 22.0, 500.0)
    view = fleet.view(500.0)
    assert view.blindness is not None
    assert (view.blindness.since, view.blindness.reason) == (21.0, "it is still away")
    assert view.servers[0].state is State.UP
    fleet.sighted(501.0)
    run(fleet, 501.0, 520.0)
    view = fleet.view(520.0)
    assert (view.blindness, view.servers[0].silent) == (None, 0)
    assert view.servers[0].state is State.UP  # it has not had the time to say something


def test_without_a_sign_of_life_from_the_broker_nobody_is_silent(fleet: FleetState) -> None:
    ping(fleet, 1, WEB)
    ping(fleet, 2)
    run(fleet, 21.0, 60.0)
    assert server(fleet).silent == 0
    fleet.alive(60.0)
    fleet.tick(60.0)
    assert server(fleet).silent == 1


def test_a_monitor_that_slept_calls_nobody_silent(fleet: FleetState) -> None:
    ping(fleet, 1, WEB)
    ping(fleet, 2)
    fleet.tick(1000.0)
    fleet.alive(1000.0)
    fleet.tick(1001.0)
    assert (server(fleet).state, server(fleet).silent) == (State.UP, 0)


def test_a_clock_that_is_set_back_hides_nobody(fleet: FleetState) -> None:
    fleet.tick(5000.0)
    fleet.observe(said(5000.0))
    for number in range(1, 6):
        ping(fleet, number)
    assert (server(fleet).state, server(fleet).silent) == (State.MISSING, 4)


def test_a_sign_of_life_from_the_future_is_none(fleet: FleetState) -> None:
    fleet.tick(5000.0)
    fleet.observe(said(5000.0))
    ping(fleet, 1, WEB)
    ping(fleet, 2)
    run(fleet, 21.0, 60.0)
    assert server(fleet).silent == 0


def test_who_was_seen_in_the_future_before_a_restart_is_not_hidden_either(
    fleet: FleetState,
) -> None:
    again = FleetState(LIMITS)
    again.restore([ServerRecord(WEB, "production", (), 5000.0, 5000.0, 5000.0, "up")])
    again.tick(0.0)
    for number in range(1, 6):
        ping(again, number)
    assert server(again).state is State.MISSING


def test_quiet_when_nothing_was_heard_for_a_minute() -> None:
    fleet = FleetState()
    run(fleet, 0.0, 1.0)
    fleet.observe(said(1.0))
    run(fleet, 2.0, 61.0)
    assert server(fleet).state is State.UP
    run(fleet, 62.0, 62.0)
    assert server(fleet).state is State.QUIET
    fleet.observe(said(63.0, kind="info"))
    assert (server(fleet).state, server(fleet).pongs) == (State.UP, 1)


def test_who_answers_with_an_error_is_up_but_fails(fleet: FleetState) -> None:
    fleet.observe(said(5.0, kind="error", error="OSError: no space"))
    failing = server(fleet)
    assert (failing.state, failing.is_failing) == (State.UP, True)
    assert (failing.errors, failing.error_at) == (1, 5.0)
    assert failing.last_error == "OSError: no space"
    for second in (6.0, 7.0):
        fleet.observe(said(second))
        assert server(fleet).is_failing
    fleet.observe(said(8.0))
    assert (server(fleet).is_failing, server(fleet).errors) == (False, 1)


def test_an_error_answers_a_ping(fleet: FleetState) -> None:
    ping(fleet, 1, WEB)
    ping(fleet, 2)
    fleet.observe(said(20.5, kind="error", answers="p2", error="it is broken"))
    ping(fleet, 3)
    assert (server(fleet).silent, server(fleet).latencies) == (0, (0.25, 0.5))


def test_maintenance_until_its_end(fleet: FleetState) -> None:
    ping(fleet, 1, WEB)
    assert fleet.maintain([WEB, "unknown"], 60.0, "alice", 12.0) == 1
    assert server(fleet).state is State.MAINTENANCE
    assert server(fleet).maintenance_until == 60.0
    for number in range(2, 6):
        ping(fleet, number)
    assert server(fleet).state is State.MAINTENANCE
    run(fleet, 51.0, 61.0)
    assert server(fleet).state is State.MISSING  # it has been silent since
    first = fleet.take_changes().transitions[1]
    assert first == Transition(12.0, WEB, State.UP, State.MAINTENANCE, "alice")


def test_maintenance_is_ended_by_hand(fleet: FleetState) -> None:
    fleet.observe(said(1.0))
    fleet.maintain([WEB], 60.0, "alice", 2.0)
    fleet.maintain([WEB], None, "bob", 3.0)
    assert (server(fleet).state, server(fleet).maintenance_until) == (State.UP, None)
    assert fleet.take_changes().transitions[-1].by == "bob"


def test_retired_until_taken_back(fleet: FleetState) -> None:
    fleet.observe(said(1.0))
    assert fleet.retire([WEB], "alice", 2.0) == 1
    fleet.observe(said(3.0))
    for number in range(1, 6):
        ping(fleet, number)
    assert (server(fleet).state, server(fleet).pongs) == (State.RETIRED, 2)
    fleet.retire([WEB], "alice", 51.0, retired=False)
    assert server(fleet).state is State.UP


def test_who_is_expected_and_never_came(fleet: FleetState) -> None:
    fleet.expect({WEB: "production", DB: "production"}, 0.0)
    fleet.observe(said(1.0))
    assert server(fleet).state is State.UP
    assert (server(fleet, DB).state, server(fleet, DB).environment) == (
        State.NEVER_SEEN,
        "production",
    )
    assert server(fleet).is_expected
    fleet.expect({}, 2.0)
    assert fleet.server(DB, 2.0) is None
    assert not server(fleet).is_expected


def test_trouble_comes_first(fleet: FleetState) -> None:
    fleet.expect({"never": "production"}, 0.0)
    ping(fleet, 1, "missing", "b", "a")
    for number in range(2, 6):
        ping(fleet, number, "b", "a")
    view = fleet.view(50.0)
    assert [each.fqdn for each in view.servers] == ["missing", "never", "a", "b"]
    assert list(view.counts.items()) == [
        (State.MISSING, 1),
        (State.NEVER_SEEN, 1),
        (State.UP, 2),
    ]
    (production,) = view.environments
    assert (production.name, production.total, production.is_silent) == ("production", 4, False)


def test_a_view_that_nothing_changed_is_the_same(fleet: FleetState) -> None:
    fleet.observe(said(1.0))
    first, second = fleet.view(1.0), fleet.view(2.0)
    assert first.servers is second.servers
    assert (first.revision, second.now) == (second.revision, 2.0)
    fleet.observe(said(3.0))
    assert fleet.view(3.0).revision > second.revision
    assert fleet.view(3.0).servers[0].pongs == 2


def test_a_server_that_moves_is_found_where_it_is(fleet: FleetState) -> None:
    fleet.observe(said(1.0))
    fleet.observe(said(2.0, environment="staging", app_names=("blog",)))
    assert (server(fleet).environment, server(fleet).app_names) == ("staging", ("blog",))
    assert fleet.reached(["production"]) == frozenset()
    assert fleet.reached(["blog.staging"]) == {WEB}
    assert [each.name for each in fleet.view(2.0).environments] == ["staging"]


def test_who_should_answer_a_target(fleet: FleetState) -> None:
    fleet.expect({"never": "production"}, 0.0)
    for fqdn in (WEB, DB, "old", "mended"):
        fleet.observe(said(1.0, fqdn))
    fleet.retire(["old"], "alice", 2.0)
    fleet.maintain(["mended"], 99.0, "alice", 2.0)
    assert fleet.reached(["*", WEB]) == {WEB, DB, "never"}


def test_what_comes_again_is_counted_once(fleet: FleetState) -> None:
    for _ in range(2):
        fleet.observe(said(1.0, message_id="m1"))
    fleet.observe(said(1.0, message_id="m2"))
    assert server(fleet).pongs == fleet.view(1.0).pongs == 2


def test_what_no_server_can_have_meant_is_counted(fleet: FleetState) -> None:
    fleet.observe(Observation(1.0, "baton-ping", MALFORMED))
    assert (fleet.view(1.0).malformed, fleet.view(1.0).servers) == (1, ())


def test_two_services_of_one_name(fleet: FleetState) -> None:
    for second, instance in enumerate(["a", "b", "a", "b"]):
        fleet.observe(said(float(second), instance=instance))
    assert server(fleet).instances == 2


def test_known_servers_are_not_driven_out_by_a_flood_of_names() -> None:
    fleet = FleetState(Limits(servers=3))
    fleet.tick(0.0)
    for number in range(5):
        fleet.observe(said(1.0, f"web{number}"))
    assert [each.fqdn for each in fleet.view(1.0).servers] == ["web0", "web1", "web2"]
    assert fleet.view(1.0).forgotten == 2
    fleet.observe(said(90_000.0, "web1"))
    fleet.observe(said(90_001.0, "web9"))
    names = {each.fqdn for each in fleet.view(90_001.0).servers}
    assert "web9" in names
    assert "web1" in names
    assert len(names) == 3


def test_the_file_of_who_is_expected_is_bounded_too() -> None:
    fleet = FleetState(Limits(servers=3))
    fleet.expect({f"web{number}": "" for number in range(5)}, 0.0)
    assert (len(fleet.view(0.0).servers), fleet.view(0.0).forgotten) == (3, 2)


def test_what_is_kept_is_restored(fleet: FleetState) -> None:
    ping(fleet, 1, WEB, DB)
    for number in range(2, 6):
        ping(fleet, number, DB)
    fleet.maintain([DB], 1000.0, "alice", 51.0)
    changes = fleet.take_changes()
    again = FleetState(LIMITS)
    again.restore(
        changes.servers, {WEB: [0.25, None]}, changes.incidents, flaps=changes.transitions
    )
    again.tick(60.0)
    missing = server(again)
    assert (missing.state, missing.since, missing.flaps) == (State.MISSING, 50.0, 1)
    assert missing.latencies == (0.25, None)
    assert server(again, DB).state is State.MAINTENANCE
    assert again.view(60.0).incidents == fleet.view(60.0).incidents != ()
    assert again.take_changes().transitions == ()
    again.observe(said(61.0, answers="p9"))
    assert server(again).state is State.UP


def test_who_never_came_and_is_not_expected_any_more_stays_forgotten(fleet: FleetState) -> None:
    fleet.expect({WEB: "production", DB: "production"}, 0.0)
    fleet.expect({DB: "production"}, 1.0)
    again = FleetState(LIMITS)
    again.restore(fleet.take_changes().servers)
    assert [each.fqdn for each in again.view(2.0).servers] == [DB]


def test_an_incident_that_was_over_when_the_process_was_killed_is_over(fleet: FleetState) -> None:
    """The server was kept as up, the end of its incident was not kept."""
    ping(fleet, 1, WEB, DB)
    for number in range(2, 6):
        ping(fleet, number, DB)
    (began,) = fleet.take_changes().incidents
    fleet.observe(said(50.5, answers="p5"))
    again = FleetState(LIMITS)
    again.restore(fleet.take_changes().servers, incidents=[began])
    again.tick(60.0)
    assert again.view(60.0).incidents == ()
    (over,) = again.take_changes().incidents
    assert (over.id, over.ended) == (began.id, 60.0)


def test_a_ruby_server_is_one_after_a_restart(fleet: FleetState) -> None:
    fleet.observe(said(1.0, answers=None))
    again = FleetState(LIMITS, pings_by_itself=True)
    again.restore(fleet.take_changes().servers, {WEB: [None]})
    for number in range(1, 6):
        ping(again, number, target="*")
    assert server(again).state is State.UP


def test_a_state_of_another_version_is_not_known(fleet: FleetState) -> None:
    fleet.restore([ServerRecord(WEB, "production", last_seen=0.0, state="asleep")])
    fleet.tick(1.0)
    assert server(fleet).state is State.UP


def test_when_a_server_was_heard_last_is_kept_now_and_then(fleet: FleetState) -> None:
    fleet.observe(said(1.0))
    fleet.take_changes()
    fleet.observe(said(30.0))
    assert fleet.take_changes().servers == ()
    fleet.observe(said(62.0))
    (kept,) = fleet.take_changes().servers
    assert (kept.last_seen, kept.last_pong, kept.first_seen) == (62.0, 62.0, 1.0)


def test_facts_are_asked_for_at_first_sight_and_now_and_then(fleet: FleetState) -> None:
    for fqdn in ("web01", "web02", "web03"):
        fleet.observe(said(1.0, fqdn))
    fleet.observe(said(1.0, "ruby", answers=None))
    assert fleet.due_for_facts(1.0, 3600.0, most=2) == ["web01", "web02"]
    assert fleet.due_for_facts(1.0, 3600.0, most=2) == ["web03"]
    assert fleet.due_for_facts(2.0, 3600.0, most=2) == []
    fleet.observe(said(3.0, "web01", kind="facts", facts={"cpus": 4}))
    assert fleet.due_for_facts(302.0, 3600.0, most=5) == ["web02", "web03"]
    assert fleet.due_for_facts(3603.0, 3600.0, most=5) == ["web01", "web02", "web03"]


def test_facts_are_asked_for_under_names_of_servers_alone(fleet: FleetState) -> None:
    """One name that cannot be sent would keep all that are asked with it from being asked; and
    under the name of an environment the whole fleet would answer at once."""
    for name in ("*", "production", "odd\ufffd" * 60, *(f"web{n}" for n in range(9))):
        fleet.observe(said(1.0, name))
    assert fleet.due_for_facts(1.0, 3600.0, most=40) == [f"web{n}" for n in range(9)]


def test_facts_are_kept_once(fleet: FleetState) -> None:
    fleet.observe(said(3.0, kind="facts", facts={"cpus": 4}))
    (kept,) = fleet.take_changes().servers
    assert (kept.facts, kept.facts_at) == ({"cpus": 4}, 3.0)
    fleet.maintain([WEB], 60.0, "alice", 4.0)
    (kept,) = fleet.take_changes().servers
    assert kept.facts is None


def test_totals(fleet: FleetState) -> None:
    ping(fleet, 1, WEB, DB)
    fleet.observe(said(12.0, kind="error"))
    view = fleet.view(12.0)
    assert (view.pings, view.pongs, view.errors, view.malformed) == (1, 2, 1, 0)
