"""Ping now, and the runs that are kept."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from time import process_time
from typing import TYPE_CHECKING

import pytest

from baton import Configuration, Server
from baton_ping.service import PingService
from baton_ping_monitor.observation import Observation
from baton_ping_monitor.store.records import RunRecord

if TYPE_CHECKING:
    from pages.conftest import Dashboard, Page

WEB = "web01.example.org"


@pytest.fixture
async def service(broker: str) -> AsyncIterator[PingService]:
    """A server on the broker that the dashboard of this test pings through."""
    configuration = Configuration(rabbit_url=broker)
    service = PingService(configuration, Server(WEB, "production", ("shop",)))
    ready = asyncio.Event()
    service.watch(lambda state: ready.set() if state.phase == "ready" else None)
    await service.start()
    await ready.wait()
    yield service
    await service.stop(1)


def kept(run_id: str, sent: float, **document: object) -> RunRecord:
    return RunRecord(run_id, sent, "alice", ("production",), document)


async def until_done(dashboard: Dashboard, page: Page) -> Page:
    found = re.search(r'<span class="mono">(\w+)</span>', page.html)
    assert found
    while "data-refresh" in page.html:
        page = await dashboard.get(f"/runs/{found[1]}")
    return page


async def test_the_form_suggests_what_there_is(dashboard: Dashboard) -> None:
    dashboard.hear()
    page = await dashboard.get("/ping", target=WEB)
    found = re.findall(r'<option value="([^"]*)">', page.html)
    assert found == ["*", "production", "shop.production", WEB]
    assert f'value="{WEB}" list="suggestions"' in page.html


async def test_it_suggests_a_thousand_soon_however_many_environments_there_are(
    dashboard: Dashboard,
) -> None:
    for number in range(6000):
        environment = f"environment{number}"
        seen = Observation(dashboard.clock(), "baton-ping", "pong", f"web{number}", environment)
        dashboard.state.observe(seen)
    dashboard.services.fleet.view()
    begun = process_time()
    page = await dashboard.get("/ping")
    assert process_time() - begun < 0.5
    assert page.html.count('<option value="') == 1000


@pytest.mark.usefixtures("service")
async def test_a_ping_is_followed_to_its_end_and_kept(dashboard: Dashboard) -> None:
    dashboard.hear()
    dashboard.hear("lost.example.org")
    page = await dashboard.post("/ping", {"targets": "production", "timeout": "0.3"})
    assert "Pinging production" in page.text
    assert "<progress" in page.html
    page = await until_done(dashboard, page)
    assert "Answered 1 of 2" in page.text
    assert "Missing 1 lost.example.org" in page.text
    assert 'class="column-bar"' in page.html
    listed = await dashboard.get("/runs")
    assert "1 of 2" in listed.text
    assert "anybody" in listed.text


@pytest.mark.parametrize(
    ("targets", "timeout", "said"),
    [
        ("", "1", "Say whom to ping"),
        (" , ", "1", "Say whom to ping"),
        ("production", "0", 'not "0"'),
        ("production", "soon<", 'not "soon<"'),
        ("production", "nan", "600 at most"),
        ("production", "601", "600 at most"),
        ("x" * 300, "1", "x" * 50),
        (" ".join(f"t{n}" for n in range(101)), "1", "101 targets; 100 are allowed"),
    ],
)
async def test_what_cannot_be_pinged(
    dashboard: Dashboard, targets: str, timeout: str, said: str
) -> None:
    page = await dashboard.post("/ping", {"targets": targets, "timeout": timeout})
    assert page.status == 400
    assert " data-still>" in page.html  # asked for again, it would be the empty form
    assert said in page.text
    assert 'role="alert"' in page.html


async def test_where_nobody_listens(dashboard: Dashboard) -> None:
    dashboard.hear()
    page = await dashboard.post("/ping", {"targets": "nowhere", "timeout": "0.1"})
    page = await until_done(dashboard, page)
    assert "nowhere" in page.text
    assert "Answered 0" in page.text


async def test_two_runs_are_compared_the_earlier_first(dashboard: Dashboard) -> None:
    dashboard.store.write_run(
        kept("old", 1.0, answered=2, replies=[{"fqdn": "a", "ms": 1.0}, {"fqdn": "b", "ms": 2.0}])
    )
    dashboard.store.write_run(
        kept("new", 2.0, answered=2, replies=[{"fqdn": "b", "ms": 90.0}, {"fqdn": "c", "ms": 1.0}])
    )
    for a, b in (("old", "new"), ("new", "old")):
        page = await dashboard.get("/runs/diff", a=a, b=b)
        assert "/runs/old" in page.hrefs()
        assert "Answered only after 1 c" in page.text
        assert "Answered only before 1 a" in page.text
        assert "b 2.0 ms 90 ms 45× slower" in page.text


async def test_who_was_not_expected_does_not_make_up_for_who_is_missing(
    dashboard: Dashboard,
) -> None:
    run = kept("r1", 5.0, answered=2, expected=2, missing={"count": 1}, unexpected=["guest"])
    dashboard.store.write_run(run)
    page = await dashboard.get("/runs/r1")
    assert "Answered 1 of 2 Missing 1" in page.text
    assert "Not expected, and answered 1 guest" in page.text
    assert "1 of 2" in (await dashboard.get("/runs")).text


async def test_a_kept_run_shows_what_its_document_says(dashboard: Dashboard) -> None:
    run = kept(
        "r1",
        5.0,
        took=1.5,
        answered=2,
        expected=4,
        missing={"count": 2, "names": ["lost.example.org"]},
        errors=[{"fqdn": "bad.example.org", "outcome": "failed", "class": "<b>", "message": None}],
        duplicates=[{"fqdn": "twice.example.org", "instances": 2}],
        unroutable=["nowhere"],
        silent=["quiet"],
        late=["late.example.org"],
        unexpected=["guest.example.org"],
        not_asked=["spared.example.org"],
        latency={"min": 1.0, "p50": 2.0, "p95": None},
        replies=[],
    )
    dashboard.store.write_run(run)
    page = await dashboard.get("/runs/r1")
    assert "<b>" not in page.html
    for words in (
        "Answered 1 of 4",
        "Missing 2",
        "bad.example.org <b>",
        "twice.example.org 2 services",
        "Nobody listens on nowhere",
        "Nothing came from quiet",
        "Answered after the deadline 1 late.example.org",
        "Not expected, and answered 1 guest.example.org",
        "Not asked any more 1 spared.example.org",
        "Half within 2.0 ms",
        "Took 1.50 s",
    ):
        assert words in page.text, words


async def test_no_runs(dashboard: Dashboard) -> None:
    assert "Nobody has pinged from here yet" in (await dashboard.get("/runs")).text
    for path in ("/runs/none", "/runs/diff", "/runs/diff?a=x&b=y", "/runs/%3Cb%3E"):
        page = await dashboard.get(path)
        assert page.status == 404
        assert "No run is kept that is called" in page.text
        assert "<b>" not in page.html
