"""The fleet page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from baton_ping_monitor.observation import Observation
from baton_ping_monitor.settings import WebSettings

if TYPE_CHECKING:
    from pages.conftest import Dashboard, Make

NASTY = '<img src=x onerror="alert(1)">'


async def test_an_empty_fleet_says_what_to_do(make_dashboard: Make) -> None:
    page = await make_dashboard(pings_by_itself=False).get("/")
    assert page.status == 200
    assert page.title == "Fleet · Baton"
    assert "No server has answered yet Start baton-ping on a server" in page.text
    assert "baton-ping-monitor --demo" in page.text
    assert "--ping-every 10" in page.text
    assert "<table" not in page.html


async def test_a_server_is_shown_with_what_is_known(dashboard: Dashboard) -> None:
    dashboard.ping("p1")
    dashboard.clock.now += 0.004
    dashboard.hear(correlation_id="p1", app_names=("shop", "api"))
    dashboard.clock.now += 3
    page = await dashboard.get("/")
    assert page.names() == ["web01.example.org"]
    row = page.html[page.html.index("<tbody") :]
    assert "web01" in row
    assert re.search(r'<time [^>]*data-at="[\d.]+" title="2025-06-15 15:06:40 UTC">3 s ago<', row)
    assert '<span class="figure">4.0 ms</span>' in row
    assert '<path class="spark-line"' in row
    assert "1 up" in page.text
    assert "production 1 all up" in page.text


async def test_those_missing_come_first_and_are_in_the_title(dashboard: Dashboard) -> None:
    for name in ("a", "b", "z"):
        dashboard.hear(f"{name}.example.org", environment=name)
    dashboard.ping()
    dashboard.hear("a.example.org", environment="a", correlation_id="ping")
    dashboard.hear("b.example.org", environment="b", correlation_id="ping")
    for number in range(4):
        dashboard.ping(f"p{number}")
        for name in ("a", "b"):
            dashboard.hear(f"{name}.example.org", environment=name, correlation_id=f"p{number}")
        dashboard.wait(12)
    page = await dashboard.get("/")
    assert page.title == "(1) Fleet · Baton"
    assert page.names() == ["z.example.org", "a.example.org", "b.example.org"]
    assert "z.example.org is missing, for" in page.text
    assert "favicon-trouble.svg" in page.html.partition("data-calm")[0]


async def test_an_environment_that_is_silent_is_said_once(dashboard: Dashboard) -> None:
    for number in range(3):
        dashboard.hear(f"web{number}.example.org")
    dashboard.lose()
    page = await dashboard.get("/")
    assert "All of production is silent: 3 servers" in page.text
    assert page.html.count("notice-incident") == 1
    assert "all silent" in page.text


async def test_filters_are_in_the_address_and_in_the_form(dashboard: Dashboard) -> None:
    dashboard.hear("web01.example.org")
    dashboard.hear("db01.example.org", environment="staging", app_names=("db",))
    page = await dashboard.get("/", environment="staging", q="db", sort="-server")
    assert page.names() == ["db01.example.org"]
    assert "<option selected>staging</option>" in page.html
    assert 'value="db" placeholder' in page.html
    assert '<input type="hidden" name="sort" value="-server">' in page.html
    assert "1 found" in page.text
    # Everything on the page that changes one thing keeps the others.
    assert "/?environment=staging&q=db&sort=server" in page.hrefs()
    assert "/?state=up&environment=staging&q=db&sort=-server" in page.hrefs()
    assert 'aria-sort="descending"' in page.html

    nobody = await dashboard.get("/", q="nonsense")
    assert "No server matches" in nobody.text


async def test_a_long_list_has_pages(dashboard: Dashboard) -> None:
    dashboard.crowd(205)
    first = await dashboard.get("/")
    assert len(first.names()) == 100
    assert "1–100 of 205 servers" in first.text
    assert "/?page=2" in first.hrefs()
    last = await dashboard.get("/", page="3")
    assert last.names() == [f"web{number}.example.org" for number in range(200, 205)]
    assert "Page 3 of 3" in last.text


async def test_errors_and_duplicates_are_marked(dashboard: Dashboard) -> None:
    for instance in ("one", "two", "one"):
        dashboard.hear(instance=instance)
    dashboard.hear(kind="error", error="Bad: it broke", instance="two")
    page = await dashboard.get("/")
    assert 'title="Bad: it broke">failing<' in page.html
    assert "×2" in page.text


async def test_blindness_is_said_and_turns_nothing_red(dashboard: Dashboard) -> None:
    dashboard.hear()
    dashboard.state.blind("mq1.example.org refused", dashboard.clock())
    dashboard.wait(300)
    page = await dashboard.get("/")
    assert "No broker since 15:06:40 UTC." in page.text
    assert "mq1.example.org refused" in page.text
    assert page.title == "Fleet · Baton"
    assert "1 up" in page.text


async def test_trouble_of_the_store_is_said(dashboard: Dashboard) -> None:
    dashboard.condition.trouble = "The disk is full"
    assert "What is seen cannot be kept. The disk is full" in (await dashboard.get("/")).text


async def test_names_are_text(dashboard: Dashboard) -> None:
    dashboard.hear(NASTY, environment=NASTY, app_names=(NASTY,))
    dashboard.hear("other", environment='"><script>alert(1)</script>')
    page = await dashboard.get("/", q="", environment="", app="")
    assert "<img" not in page.html
    assert "<script>" not in page.html
    assert NASTY in page.names()
    filtered = await dashboard.get("/", environment=NASTY, q=NASTY.lower())
    assert "<img" not in filtered.html
    server = next(href for href in page.hrefs() if href.startswith("/servers/"))
    assert (await dashboard.get(server)).status == 200


async def test_links_keep_the_prefix(make_dashboard: Make) -> None:
    dashboard = make_dashboard(WebSettings(prefix="/baton"))
    dashboard.hear()
    page = await dashboard.get("/baton/")
    inner = [href for href in page.hrefs() if not href.startswith("#")]
    assert inner
    assert all(href.startswith("/baton/") for href in inner)
    assert 'action="/baton/servers"' in page.html
    assert 'data-live="/baton/live"' in page.html


@pytest.mark.parametrize("path", ["/", "/events", "/ping", "/runs", "/incidents", "/nothing"])
async def test_pages_are_whole(dashboard: Dashboard, path: str) -> None:
    dashboard.hear()
    page = await dashboard.get(path)
    assert page.html.startswith("<!doctype html>")
    assert page.html.count("<h1") == 1
    assert page.html.rstrip().endswith("</html>")
    for tag in ("main", "table", "form", "section", "svg", "div", "p", "span", "tr"):
        opened = len(re.findall(rf"<{tag}[ >]", page.html))
        assert opened == page.html.count(f"</{tag}>"), tag
    identities = re.findall(r' id="([^"]+)"', page.html)
    assert len(identities) == len(set(identities))


async def test_servers_without_an_environment_can_be_filtered(dashboard: Dashboard) -> None:
    dashboard.hear()
    dashboard.hear("lost.example.org", environment="")
    page = await dashboard.get("/")
    assert page.html.count('aria-current="true"') == 1  # all servers are shown
    assert '<option value="-">none</option>' in page.html
    assert "/?environment=-" in page.hrefs()
    filtered = await dashboard.get("/", environment="-")
    assert filtered.names() == ["lost.example.org"]
    assert '<option value="-" selected>none</option>' in filtered.html
    assert (
        filtered.html.count('aria-current="true"') == 2
    )  # that environment, and all of its states


async def test_choices_are_a_thousand_and_the_one_that_is_made(dashboard: Dashboard) -> None:
    for number in range(1200):
        apps = tuple(f"app{number}x{each}" for each in range(3))
        environment = f"environment{number:04}"
        seen = Observation(0.0, "baton-ping", "pong", f"web{number}", environment, apps)
        dashboard.state.observe(seen)
    page = await dashboard.get("/", environment="environment1199", app="shop")
    assert page.html.count("<option") < 2100
    assert "<option selected>environment1199</option>" in page.html
    assert "<option selected>shop</option>" in page.html
