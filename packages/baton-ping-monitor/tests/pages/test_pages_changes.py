"""What operators do to servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from baton_ping_monitor.fleet.view import State

if TYPE_CHECKING:
    from pages.conftest import Dashboard

A, B, C = "a.example.org", "b.example.org", "c.example.org"


def states(dashboard: Dashboard) -> dict[str, State]:
    return {server.fqdn: server.state for server in dashboard.services.fleet.view().servers}


@pytest.fixture
def fleet(dashboard: Dashboard) -> Dashboard:
    for fqdn in (A, B):
        dashboard.hear(fqdn)
    dashboard.hear(C, environment="staging")
    return dashboard


async def test_those_that_are_chosen(fleet: Dashboard) -> None:
    page = await fleet.post(
        "/servers", {"fqdn": [A, C], "action": "maintain", "hours": "0.5", "query": "sort=server"}
    )
    assert page.status == 200
    assert "2 servers in maintenance." in page.text
    assert states(fleet) == {A: State.MAINTENANCE, B: State.UP, C: State.MAINTENANCE}
    assert 'aria-sort="ascending"' in page.html
    fleet.wait(1801)
    assert states(fleet)[A] is not State.MAINTENANCE


async def test_all_that_a_filter_finds(fleet: Dashboard) -> None:
    fields = {"all": "1", "query": "environment=production", "action": "retire"}
    page = await fleet.post("/servers", fields)
    assert "2 servers retired" in page.text
    assert states(fleet) == {A: State.RETIRED, B: State.RETIRED, C: State.UP}
    await fleet.post("/servers", {"all": "1", "query": "state=retired", "action": "return"})
    assert State.RETIRED not in states(fleet).values()


async def test_maintenance_ends_when_somebody_says_so(fleet: Dashboard) -> None:
    await fleet.post("/servers", {"fqdn": A, "action": "maintain", "hours": "1"})
    page = await fleet.post("/servers", {"fqdn": A, "action": "end"})
    assert "Maintenance of 1 server has ended." in page.text
    assert states(fleet)[A] is State.UP


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"fqdn": A, "action": "explode"}, 'There is nothing to do that is called "explode"'),
        ({"fqdn": A}, 'There is nothing to do that is called ""'),
        ({"action": "retire"}, "No server was chosen"),
        ({"fqdn": A, "action": "maintain", "hours": "x<y"}, 'not "x<y"'),
        ({"fqdn": A, "action": "maintain"}, "Maintenance lasts a number of hours"),
        ({"fqdn": A, "action": "maintain", "hours": "-1"}, "2160 at most"),
        ({"fqdn": A, "action": "maintain", "hours": "nan"}, "2160 at most"),
        ({"fqdn": A, "action": "maintain", "hours": "1e9"}, "2160 at most"),
        ({"fqdn": A, "action": "retire", "query": "q=x&" * 101}, "more than a hundred fields"),
    ],
)
async def test_what_cannot_be(fleet: Dashboard, fields: dict[str, Any], said: str) -> None:
    page = await fleet.post("/servers", fields)
    assert page.status == 400
    assert said in page.text
    assert set(states(fleet).values()) == {State.UP}


async def test_only_our_own_pages_may(fleet: Dashboard) -> None:
    answer = await fleet.browser.post("/servers", data={"fqdn": A, "action": "retire"})
    assert answer.status_code == 403
    assert states(fleet)[A] is State.UP


@pytest.mark.parametrize(
    "query",
    ["did=maintain&number=<b>", "did=<b>&number=1", "did=retire", "did=retire&number=9999999"],
)
async def test_a_notice_says_only_what_was_done(fleet: Dashboard, query: str) -> None:
    page = await fleet.get(f"/?{query}")
    assert page.status == 200
    assert "notice-done" not in page.html
