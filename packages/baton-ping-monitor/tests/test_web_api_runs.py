"""Pings that somebody asks for, on a broker in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from baton import Configuration, Server
from baton_ping.service import PingService
from baton_ping_monitor.store.records import RunRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import Site

PATIENCE = 15.0


@pytest.fixture
async def service(site: Site) -> AsyncIterator[PingService]:
    """A server that answers pings, on the broker of *site*."""
    configuration: Configuration = site.services.pings._configuration  # type: ignore[attr-defined]
    running = PingService(configuration, Server("web01.example.org", "production", ("shop",)))
    ready = asyncio.Event()
    running.watch(lambda state: ready.set() if state.phase == "ready" else None)
    await running.start()
    await asyncio.wait_for(ready.wait(), PATIENCE)
    yield running
    await running.stop(1)


async def end_of(browser: httpx2.AsyncClient, location: str) -> Any:
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await browser.get(location)
            assert answer.status_code == 200
            if answer.json()["done"]:
                return answer.json()
            await asyncio.sleep(0.01)


async def test_a_ping_is_begun_followed_and_kept(
    browser: httpx2.AsyncClient, site: Site, service: PingService
) -> None:
    del service
    await site.say("web01.example.org")
    begun = await browser.post("/api/runs", json={"targets": ["production"], "timeout": 10})
    assert begun.status_code == 202
    run_id = begun.json()["id"]
    assert begun.headers["location"] == f"/api/runs/{run_id}"
    run = await end_of(browser, begun.headers["location"])
    assert (run["id"], run["by"], run["targets"]) == (run_id, "anybody", ["production"])
    assert (run["answered"], run["expected"], run["trouble"]) == (1, 1, "")
    assert run["document"]["succeeded"] is True
    assert [each["fqdn"] for each in run["document"]["replies"]] == ["web01.example.org"]
    kept = (await browser.get("/api/runs")).json()["runs"]
    assert [each["id"] for each in kept] == [run_id]
    assert "replies" not in kept[0]["document"]
    assert kept[0]["answered"] == 1


async def test_who_is_missing_is_named(
    browser: httpx2.AsyncClient, site: Site, service: PingService
) -> None:
    del service
    await site.say("web01.example.org")
    await site.say("web02.example.org")
    begun = await browser.post("/api/runs", json={"targets": ["production"], "timeout": 0.2})
    run = await end_of(browser, begun.headers["location"])
    assert run["document"]["missing"] == {"count": 1, "names": ["web02.example.org"]}
    assert run["document"]["succeeded"] is False


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "targets must be a list of 1 to 1000 texts."),
        ({"targets": []}, "targets must be"),
        ({"targets": "production"}, "targets must be"),
        ({"targets": [1]}, "targets must be"),
        ({"targets": ["a"] * 1001}, "targets must be"),
        ({"targets": ["a"], "timeout": 301}, "timeout must be a number of seconds"),
        ({"targets": ["a"], "timeout": 0}, "timeout must be"),
        ({"targets": ["a"], "wait": 1}, 'There is no field "wait"; there are targets, timeout.'),
        ({"targets": [""]}, "."),
        ({"targets": ["x" * 300]}, "."),
    ],
)
async def test_a_ping_that_cannot_be(
    browser: httpx2.AsyncClient, fields: dict[str, Any], says: str
) -> None:
    answer = await browser.post("/api/runs", json=fields)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert (await browser.get("/api/runs")).json() == {"runs": []}


async def test_so_many_are_under_way_at_most(
    browser: httpx2.AsyncClient, site: Site, service: PingService
) -> None:
    del service
    await site.say("web02.example.org")
    fields = {"targets": ["production"], "timeout": 300}
    answers = [await browser.post("/api/runs", json=fields) for _ in range(6)]
    assert [each.status_code for each in answers] == [202] * 5 + [429]
    assert answers[-1].headers["retry-after"] == "5"
    assert "5 pings are under way" in answers[-1].json()["error"]
    under_way = (await browser.get(answers[0].headers["location"])).json()
    assert (under_way["done"], under_way["expected"]) == (False, 1)


async def test_a_run_that_is_not_known(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/api/runs/nothing")
    assert (answer.status_code, answer.json()["error"]) == (404, "No run of that id is known.")


async def test_runs_are_listed_the_latest_first(browser: httpx2.AsyncClient, site: Site) -> None:
    for number in range(3):
        document: dict[str, Any] = {"answered": number, "expected": None, "replies": []}
        site.store.write_run(RunRecord(f"run-{number}", number, "alice", ("*",), document))
    found = (await browser.get("/api/runs?limit=2")).json()["runs"]
    assert [each["id"] for each in found] == ["run-2", "run-1"]
    assert found[0] == {
        "id": "run-2",
        "by": "alice",
        "targets": ["*"],
        "sent": 2.0,
        "done": True,
        "answered": 2,
        "expected": None,
        "trouble": "",
        "document": {"answered": 2, "expected": None},
    }
