"""Whether the process is alive, and does its work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from conftest import Site


async def test_it_is_alive_whatever_happens(browser: httpx2.AsyncClient, site: Site) -> None:
    site.health.is_ready = False
    answer = await browser.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"alive": True})


async def test_it_is_ready_or_says_why_not(browser: httpx2.AsyncClient, site: Site) -> None:
    answer = await browser.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "reason": ""})
    site.health.is_ready = False
    site.health.reason = "not connected since 12:00"
    answer = await browser.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "reason": "not connected since 12:00"}
    assert answer.headers["cache-control"] == "no-store"


async def test_the_head_is_enough(browser: httpx2.AsyncClient) -> None:
    answer = await browser.head("/readyz")
    assert (answer.status_code, answer.content) == (200, b"")
