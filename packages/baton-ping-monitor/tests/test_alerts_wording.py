"""What alerts say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from baton_ping_monitor.alerts import wording
from baton_ping_monitor.alerts.wording import Tone
from baton_ping_monitor.fleet.view import Blindness, Incident

AT = 1_750_000_000.0
SERVER = Incident("a", "web01.example.org", False, "production", ("web01.example.org",), AT)
ALL = Incident("b", "staging", True, "staging", ("x.example.org", "y.example.org"), AT)


def test_a_server_is_missing() -> None:
    alert = wording.began(SERVER)
    assert alert.title == "web01.example.org is missing"
    assert (
        alert.text
        == "web01.example.org (production) has been missing since 2025-06-15 15:06:40 UTC."
    )
    assert (alert.tone, alert.incidents) == (Tone.BAD, ("a",))


def test_a_server_is_back() -> None:
    alert = wording.ended(replace(SERVER, ended=AT + 200))
    assert alert.title == "web01.example.org is no longer missing"
    assert alert.text == (
        "web01.example.org (production) was missing for 3 min 20 s: "
        "2025-06-15 15:06:40 UTC to 2025-06-15 15:10:00 UTC."
    )
    assert alert.tone is Tone.GOOD


def test_a_server_was_missing_when_it_is_told() -> None:
    alert = wording.passed(replace(SERVER, ended=AT + 4))
    assert alert.title == "web01.example.org was missing for 4 s"
    assert "was missing for 4 s" in alert.text


def test_an_environment_is_silent() -> None:
    alert = wording.began(ALL)
    assert alert.title == "All of staging is missing"
    assert alert.text == (
        "All 2 servers of staging have been missing since 2025-06-15 15:06:40 UTC."
    )
    over = wording.ended(replace(ALL, ended=AT + 60))
    assert over.title == "All of staging is no longer missing"
    assert over.text.startswith("All 2 servers of staging were missing for 1 min: ")


def test_many_at_once() -> None:
    many = [
        replace(SERVER, id=str(number), subject=f"s{number}", servers=(f"s{number}",))
        for number in range(22)
    ]
    alert = wording.many_began([*many, ALL])
    assert alert.title == "23 new incidents: 24 servers missing"
    lines = alert.text.splitlines()
    assert lines[:2] == ["Since 2025-06-15 15:06:40 UTC:", "s0 (production)"]
    assert lines[-1] == "and 3 more"
    assert len(lines) == 22
    assert len(alert.incidents) == 23
    over = wording.many_ended([replace(ALL, ended=AT + 60), replace(SERVER, ended=AT + 61)])
    assert over.title == "2 incidents over: 3 servers no longer missing"
    assert over.text.splitlines() == [
        "all 2 servers of staging, after 1 min",
        "web01.example.org (production), after 1 min 1 s",
    ]


def test_the_monitor_is_blind_and_sees_again() -> None:
    blindness = Blindness(AT, "no broker\x1b[2J")
    alert = wording.blind(blindness)
    assert alert.title == "The monitor sees nothing"
    assert "since 2025-06-15 15:06:40 UTC: no broker\N{REPLACEMENT CHARACTER}[2J." in alert.text
    assert "nothing for 1 h 1 min" in wording.sees_again(blindness, AT + 3660).text


def test_a_test_says_who_made_it() -> None:
    assert wording.trial("ann\n", AT).text == (
        "A test by ann\N{REPLACEMENT CHARACTER} at 2025-06-15 15:06:40 UTC. Nothing is wrong."
    )


def test_names_from_the_network_are_cut_and_times_need_not_exist() -> None:
    alert = wording.began(replace(SERVER, subject="x" * 500 + "\n", began=1e30))
    assert len(alert.title) < 130
    assert alert.text.endswith("since an unknown time.")


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(-5, "0 s"), (0.4, "0 s"), (60, "1 min"), (3601, "1 h 1 s"), (90_061, "1 d 1 h")],
)
def test_lengths(seconds: float, says: str) -> None:
    assert wording.lasting(seconds) == says
