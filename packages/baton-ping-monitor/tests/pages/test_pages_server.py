"""The page of one server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton_ping_monitor.store.records import Batch, ServerRecord

if TYPE_CHECKING:
    from pages.conftest import Dashboard

WEB = "web01.example.org"
PATH = f"/servers/{WEB}"


async def test_facts_apps_and_history(dashboard: Dashboard) -> None:
    dashboard.hear(facts={"cpus": 8, "net": {"eth0": {"mtu": 1500}}}, kind="facts")
    for number in range(5):
        dashboard.ping(f"p{number}")
        dashboard.clock.now += 0.004
        dashboard.hear(correlation_id=f"p{number}", instance="one")
        dashboard.wait(10)
    page = await dashboard.get(PATH)
    assert page.title == f"{WEB} · Baton"
    assert "cpus 8 net eth0 mtu 1500" in page.text
    assert '<path class="line" d="M' in page.html
    assert page.html.count('<rect class="target"') >= 5
    assert "/?app=shop" in page.hrefs()
    assert "/?environment=production" in page.hrefs()
    assert f"/events?server={WEB}" in page.hrefs()
    assert 'aria-current="page">1 h<' in page.html


async def test_pings_without_an_answer_and_changes_of_state(dashboard: Dashboard) -> None:
    dashboard.hear("other.example.org")
    dashboard.hear()
    dashboard.lose(pings=4)
    page = await dashboard.get(PATH)
    assert "missing" in page.text
    assert "late → then missing" in page.text
    assert page.html.count('class="missed"') >= 3
    assert page.title == f"(2) {WEB} · Baton"


@pytest.mark.parametrize("span", ["1h", "24h", "7d", "90d", "nonsense", ""])
async def test_each_span(dashboard: Dashboard, span: str) -> None:
    dashboard.hear()
    page = await dashboard.get(PATH, span=span)
    assert page.status == 200
    assert [href for href in page.hrefs() if href.startswith("?span=")] == [
        "?span=1h",
        "?span=24h",
        "?span=7d",
        "?span=90d",
    ]


async def test_what_began_a_moment_ago_fills_the_chart(dashboard: Dashboard) -> None:
    for _ in range(60):
        dashboard.wait(10)
        dashboard.hear()
    page = await dashboard.get(PATH)
    assert ">15:15</text>" in page.html
    assert ">14:45</text>" not in page.html
    dashboard.store.roll()
    day = await dashboard.get(PATH, span="24h")
    assert ">12:00</text>" in day.html


async def test_errors_and_duplicates_are_told(dashboard: Dashboard) -> None:
    dashboard.hear(kind="error", error="Bad: <b>it broke</b>", summary="it broke", instance="one")
    for instance in ("two", "one", "two"):
        dashboard.hear(instance=instance)
    page = await dashboard.get(PATH)
    assert "2 services answer by this name." in page.text
    assert "Bad: &lt;b&gt;it broke&lt;/b&gt;" in page.html
    assert f"/events?server={WEB}&type=error" in page.hrefs()


async def test_maintenance_and_retirement_from_its_page(dashboard: Dashboard) -> None:
    dashboard.hear()
    page = await dashboard.post(
        "/servers", {"fqdn": WEB, "server": WEB, "action": "maintain", "hours": "4"}
    )
    assert "1 server in maintenance." in page.text
    assert "maintenance ends in 4 h" in page.text
    assert "End maintenance" in page.text
    page = await dashboard.post("/servers", {"fqdn": WEB, "server": WEB, "action": "retire"})
    assert "retired" in page.text
    assert "Take back" in page.text
    page = await dashboard.post("/servers", {"fqdn": WEB, "server": WEB, "action": "return"})
    assert "1 server back from retirement." in page.text


async def test_one_that_only_the_store_knows(dashboard: Dashboard) -> None:
    kept = ServerRecord("old.example.org", "production", last_pong=5.0, is_retired=True)
    dashboard.store.write(Batch(servers=(kept,)))
    page = await dashboard.get("/servers/old.example.org")
    assert page.status == 200
    assert "retired" in page.text


@pytest.mark.parametrize(
    "path", ["/servers/nobody", "/servers/a/b", "/servers/%3Cb%3E", "/servers/%00", "/servers/%FF"]
)
async def test_nobody(dashboard: Dashboard, path: str) -> None:
    page = await dashboard.get(path)
    assert page.status == 404
    assert "No server is known that is called" in page.text
    assert "<b>" not in page.html


@pytest.mark.parametrize("name", ["a/b?c#d", "100%", "ü ü", "a&b=c", '"quoted"', "'"])
async def test_whatever_a_server_is_called_it_has_a_page(dashboard: Dashboard, name: str) -> None:
    dashboard.hear(name)
    (href,) = {it for it in (await dashboard.get("/")).hrefs() if it.startswith("/servers/")}
    page = await dashboard.get(href)
    assert page.status == 200
    assert page.title == f"{name} · Baton"
