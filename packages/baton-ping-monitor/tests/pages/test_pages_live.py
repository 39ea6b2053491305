"""The stream that keeps pages live, over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from baton_ping_monitor.settings import WebSettings
from baton_ping_monitor.web import live
from baton_ping_monitor.web.app import make_app
from baton_ping_monitor.web.server import WebServer

if TYPE_CHECKING:
    from pages.conftest import Dashboard

PATIENCE = 10.0


@pytest.fixture
async def served(dashboard: Dashboard) -> AsyncIterator[WebServer]:
    server = WebServer(make_app(dashboard.services), WebSettings(port=0))
    await server.start()
    yield server
    await server.stop()


async def events(answer: httpx2.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    identity = ""
    async for line in answer.aiter_lines():
        if line.startswith("id: "):
            identity = line.removeprefix("id: ")
        elif line.startswith("data: "):
            yield identity, json.loads(line.removeprefix("data: "))


async def test_it_says_how_the_fleet_is_and_then_what_changed(
    dashboard: Dashboard, served: WebServer
) -> None:
    dashboard.hear()
    async with (
        asyncio.timeout(PATIENCE),
        httpx2.AsyncClient(base_url=served.url, timeout=PATIENCE) as browser,
        browser.stream("GET", "/live") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        said = events(answer)
        identity, document = await anext(said)
        assert identity == "0"
        assert document == {
            "revision": 0,
            "now": dashboard.clock(),
            "missing": 0,
            "counts": {"up": 1},
            "incidents": 0,
            "blind_since": None,
            "last_output": dashboard.clock(),
        }
        dashboard.lose()
        dashboard.state.blind("away", dashboard.clock())
        for _ in range(5):
            dashboard.services.updates.notify()
        identity, document = await anext(said)
        assert identity == "5"
        assert document["missing"] == 1
        assert document["counts"] == {"missing": 1}
        assert document["blind_since"] == dashboard.clock()


async def test_many_changes_are_one_event_a_second(dashboard: Dashboard, served: WebServer) -> None:
    loop = asyncio.get_running_loop()
    async with (
        asyncio.timeout(PATIENCE),
        httpx2.AsyncClient(base_url=served.url, timeout=PATIENCE) as browser,
        browser.stream("GET", "/live") as answer,
    ):
        said = events(answer)
        await anext(said)
        begun = loop.time()
        dashboard.services.updates.notify()
        await anext(said)
        assert loop.time() - begun >= live.PAUSE * 0.9


async def test_it_comes_again_although_nothing_changed(
    served: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAUSE", 0.05)
    monkeypatch.setattr(live, "HEARTBEAT", 0.1)
    async with (
        asyncio.timeout(PATIENCE),
        httpx2.AsyncClient(base_url=served.url, timeout=PATIENCE) as browser,
        browser.stream("GET", "/live") as answer,
    ):
        said = events(answer)
        found = [await anext(said) for _ in range(3)]
    assert [identity for identity, _ in found] == ["0", "0", "0"]
